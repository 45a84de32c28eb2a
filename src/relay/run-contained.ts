// Runs one step of the end of a call. An error in it is reported, and does not keep the other steps from being taken.

import type { RelayContext } from './relay-context.ts';

/** Never throws. */
export function runContained(context: Pick<RelayContext, 'onFault'>, action: () => void): void {
  try {
    action();
  } catch (error) {
    context.onFault(error);
  }
}
