# SPDX-License-Identifier: GPL-2.0-only
#
# The front door: each target is one line into lab/.
#
## make run        set up, build, boot, and print the before/after tables
## make check      set up, then every test; ends with `N passed, N failed, N skipped`
## make check-fast static checks and KUnit on User Mode Linux: minutes
## make check-all  the long parts too; results are recorded in results/. Goes on where it
##                 was interrupted on the same commit, AGAIN=1: from the beginning.
##                 SINCE=commit: what passed on it or later counts, too, also as recorded
##                 PART="qemu-rt docs": only these parts, also of make check; recorded
##                 only with SINCE=
## make setup      install the Debian packages that are missing
##
## make tree       the kernel's source in build/7.3/linux, a commit per patch
## make sync       write that tree's commits back to patches/ and our files;
##                 TOPIC= where a new commit may be of several topics
## make mail       `git am`-able mails in build/mail/TOPIC, for each topic or TOPIC=qpw;
##                 ONTO=git-tree ASSISTED_BY=text SIGNOFF=1
## make bisect     every patch builds and passes its KUnit suites, each topic on what it
##                 needs; TOPIC=qpw
##
## make kernel     build build/7.3/qemu; CONFIG=uml, SERIES=none (unpatched)
## make boot       boot it: GUEST=dir with an executable /run
##                 SMP=4 MEM=4G CMDLINE= TIMEOUT=300 QEMU_ARGS= EXPECT= CONFIG=qemu
## make deb        Debian packages of the patched kernel in build/deb (INSTALL.md);
##                 KCONFIG=file: with a configuration of your own
## make boot-debian  boot Debian with that package, and run the lab's tests of a whole
##                 system in it; GUEST=dir runs dir/run instead; SMP= MEM= CMDLINE= as above
## make torture    everything at once, then look whether something is lost:
##                 TORTURE_S=300 SEED= CONFIG=qemu
## make bench      unpatched and patched side by side: JSON and SVG
##                 PART="qpw drains" RUNS=3: some of it, fewer samples
##
## Everywhere: BASE=7.3 (the kernel), LINUX=path (your own tree, only read),
## BUILD=build (where all of it goes), FORCE=1 (`tree` drops unsynced work)

BASE ?= 7.3
CONFIG ?= qemu
export BASE CONFIG
export BUILD LINUX ONTO TOPIC SERIES ASSISTED_BY SIGNOFF FORCE GUEST SMP MEM CMDLINE TIMEOUT QEMU_ARGS NAME EXPECT \
	PART RUNS TORTURE_S SEED AGAIN SINCE KCONFIG

.PHONY: help setup run check check-fast check-all tree sync mail bisect kernel boot deb boot-debian torture bench
.NOTPARALLEL:

help:		; @sed -n 's/^## \?//p' Makefile
setup:		; @lab/setup.sh
run: setup	; @lab/run.sh
check: setup	; @lab/check.sh
check-fast: setup ; @lab/check.sh fast
check-all:	; @lab/setup.sh all && lab/check.sh all
tree:		; @lab/tree.sh
sync:		; @lab/sync.sh
mail:		; @lab/mail.sh
bisect:		; @lab/bisect.sh
kernel:		; @lab/kernel.sh
boot:		; @lab/kernel.sh && lab/boot.sh
deb:		; @lab/setup.sh deb && lab/deb.sh
boot-debian:	; @lab/setup.sh deb debian && lab/deb.sh && lab/debian.sh
torture: setup	; @lab/kernel.sh && lab/torture.sh
bench: setup	; @lab/bench.sh
