#!/usr/bin/perl
# What does not belong on a host, for tests/lab/wrong_states.py; a lab host has no other language.
#   rogue.pl squat NAME PORT   take a name in EPMD and hold it
#   rogue.pl say PORT HEX      send bytes to whoever connects, and close
#   rogue.pl impostor PORT NODE  shake hands as NODE without knowing the cookie
#   rogue.pl deaf PORT         accept and say nothing
use strict;
use warnings;
use IO::Socket::INET;

my ($kind, @words) = @ARGV;

sub listener {
    return IO::Socket::INET->new(LocalPort => shift, Listen => 9, ReuseAddr => 1) || die "cannot listen: $!\n";
}

# A unit of the type "notify" has started when it is ready.
sub ready { system 'systemd-notify', '--ready' if $ENV{NOTIFY_SOCKET}; }

sub framed { my ($body) = @_; return pack('n', length $body) . $body; }

sub frame {
    my ($peer) = @_;
    read($peer, my $head, 2) == 2 or return '';
    read($peer, my $body, unpack('n', $head));
    return $body;
}

if ($kind eq 'squat') {
    my ($name, $port) = @words;
    my $epmd = IO::Socket::INET->new(PeerAddr => '127.0.0.1:4369') || die "no EPMD: $!\n";
    # ALIVE2_REQ: port, node type 77, TCP over IPv4, versions 6 to 5, name, nothing extra.
    print $epmd framed(pack('CnCCnnn/a*n', 120, $port, 77, 0, 6, 5, $name, 0));
    $epmd->flush;
    read($epmd, my $answer, 2);
    die "EPMD refuses\n" if unpack('x C', $answer);
    ready();
    sleep;
}

my $server = listener($words[0]);
ready();
while (my $peer = $server->accept) {
    $peer->autoflush(1);
    if ($kind eq 'say') {
        print $peer pack('H*', $words[1] // '');
        close $peer;
    }
    elsif ($kind eq 'impostor') {
        frame($peer);
        print $peer framed('sok');
        # send_challenge: flags, challenge, creation, name; then an acknowledgement that is no digest of the cookie.
        print $peer framed(pack('A1 NN N N n/a*', 'N', 0x4, 0x03df7fbd, 1234, 5, $words[1]));
        frame($peer);
        print $peer framed('a' . ('x' x 16));
    }
    elsif ($kind eq 'deaf') {
        our @kept;
        push @kept, $peer;
    }
}
