# shellcheck shell=bash
# cpu_ns PID: processor time of a process and all its threads until now, from the scheduler, in nanoseconds.
cpu_ns() { cat "/proc/$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%.0f\n", ns }'; }
