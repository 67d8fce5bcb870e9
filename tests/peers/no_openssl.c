/*
 * PhantomJS 1.9.8 (Qt 4.8) loads whatever OpenSSL it finds by name, and
 * crashes in version 3. Preloaded, this hides OpenSSL from it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

void *dlopen(const char *name, int flags)
{
	void *(*next)(const char *, int);

	if (name && (strstr(name, "libssl") || strstr(name, "libcrypto")))
		return NULL;
	*(void **)&next = dlsym(RTLD_NEXT, "dlopen");
	return next(name, flags);
}
