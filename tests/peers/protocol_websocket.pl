#!/usr/bin/perl
# Tests poke with one connection per WebSocket version, all open at the same time.
# Usage: protocol_websocket.pl HOST:PORT VERSION...
use strict;
use warnings;
use utf8;

use IO::Socket::INET;
use Protocol::WebSocket::Frame;
use Protocol::WebSocket::Handshake::Client;

binmode STDERR, ':utf8';
$SIG{ALRM} = sub { die "no input from poke within 20 s\n" };
$SIG{PIPE} = sub { die "poke closed the connection\n" };

sub receive {
    my ($conn) = @_;
    alarm 20;
    my $n = sysread $conn->{socket}, my $bytes, 65536;
    alarm 0;
    die "read: $!\n" unless defined $n;
    return $n ? $bytes : undef;
}

sub new_frame {
    my ($version, @fields) = @_;
    return Protocol::WebSocket::Frame->new(version => $version, max_payload_size => undef, @fields);
}

sub send_frame {
    my ($conn, %frame) = @_;
    my $frame = new_frame($conn->{version}, masked => 1, %frame);
    alarm 20;
    print { $conn->{socket} } $frame->to_bytes or die "write: $!\n";
    alarm 0;
}

sub open_connection {
    my ($addr, $version) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $addr, Timeout => 20) or die "connect: $@\n";
    $socket->autoflush;
    my $conn = {
        socket  => $socket,
        version => $version,
        frame   => new_frame($version),
    };
    my $handshake = Protocol::WebSocket::Handshake::Client->new(url => "ws://$addr/", version => $version);
    print $socket $handshake->to_string or die "write: $!\n";
    until ($handshake->is_done) {
        my $bytes = receive($conn) // die "end of file during the handshake\n";
        $handshake->parse($bytes) or die $handshake->error, "\n";
        $conn->{frame}->append($bytes);
    }
    return $conn;
}

sub expect {
    my ($conn, $expected) = @_;
    my $actual;
    until (defined($actual = $conn->{frame}->next)) {
        $conn->{frame}->append(receive($conn) // die "end of file instead of a message\n");
    }
    return if $actual eq $expected && !$conn->{frame}->is_close;
    die sprintf "%s: expected '%.40s' of %d, got '%.40s' of %d\n",
        $conn->{version}, $expected, length $expected, $actual, length $actual;
}

sub close_connection {
    my ($conn) = @_;
    if ($conn->{version} eq 'draft-hixie-75') {
        $conn->{socket}->shutdown(1);
    }
    else {
        send_frame($conn, type => 'close');
        until (defined $conn->{frame}->next_bytes) {
            $conn->{frame}->append(receive($conn) // die "end of file instead of a close frame\n");
        }
        die "a message instead of a close frame\n" unless $conn->{frame}->is_close;
    }
    die "bytes after the closing handshake\n" if defined receive($conn);
}

my ($addr, @versions) = @ARGV;
my $long = substr join(' ', 1 .. 200_000), 0, 1 << 20;

my @conns = map { open_connection($addr, $_) } @versions;
for my $conn (@conns) {
    send_frame($conn, buffer => 'CONNECTED');
    expect($conn, $ENV{ECHO} ? 'CONNECTED' : 'Welcome');
    send_frame($conn, buffer => 'POKE');
    expect($conn, $ENV{ECHO} ? 'POKE' : 'Quit poking me!');
    for my $text ('héllo ☃ 😀', '', $long) {
        send_frame($conn, buffer => $text);
        expect($_, $text) for $ENV{ECHO} ? $conn : @conns;
    }
}
close_connection($_) for @conns;
