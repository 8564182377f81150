# SPDX-License-Identifier: GPL-2.0-only
#
# What the filters of results/outcome.json share

def outcome($kernel; $way; $name): first(.outcomes[] |
	select(.kernel == $kernel and .isolated == $way and .operation == $name)) //
	error("no outcome of \($name), \($kernel), \($way)");
def sum: [.[]] | add // 0;
