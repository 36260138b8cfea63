// System calls that change files, counted; at one of them the process is killed, or the call fails.
#pragma once

namespace keyward::test {

enum class Fault {
  none,        // only counts
  killed,      // the process dies instead of making the call
  fails_once,  // this call fails
  disk_full,   // from this call on, all that need room fail
};

// For this process, from now on; counts from 1. Sleeping takes no time any more, either: those who sleep wait for
// others.
void arm_faults(Fault fault, int at_call);
// How many there were so far.
int system_calls();

}  // namespace keyward::test
