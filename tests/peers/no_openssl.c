/*
 * Hides OpenSSL from a program that is started with this in LD_PRELOAD:
 * PhantomJS 1.9.8 (Qt 4.8) loads any installed version, and crashes with
 * version 3.
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
