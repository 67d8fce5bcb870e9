#!/usr/bin/perl
# Protocol::WebSocket as an echo server that prints its port.
use strict;
use warnings;

use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Server;

$| = 1;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1) or die "listen: $@\n";
printf qq({"port": %d}\n), $listener->sockport;
my $socket = $listener->accept or die "accept: $!\n";
$socket->autoflush;

my $handshake = Protocol::WebSocket::Handshake::Server->new;
my $frame;
while (sysread $socket, my $bytes, 65536) {
    if (!$frame) {
        $handshake->parse($bytes) or die $handshake->error, "\n";
        next unless $handshake->is_done;
        print $socket $handshake->to_string;
        $frame = $handshake->build_frame(max_payload_size => undef);
    }
    $frame->append($bytes);
    while (defined(my $payload = $frame->next_bytes)) {
        my $type = $frame->is_close ? 'close' : 'text';
        my $answer = Protocol::WebSocket::Frame->new(
            version => $handshake->version, buffer => $payload, type => $type, max_payload_size => undef
        );
        print $socket $answer->to_bytes;
        $socket->shutdown(1) if $frame->is_close;
    }
}
print "closed\n";
