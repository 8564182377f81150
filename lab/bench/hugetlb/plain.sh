#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# plain.sh PAGES RUNS, in a guest: plain kernel threads that allocate and free as many pages
# as a pool gets.

insmod /plain_pages.ko pages="$1" runs="$2" || exit 1
dmesg | sed -n 's/.*\] \(plain [a-z]* [a-z]* [0-9]*\)$/\1/p'
