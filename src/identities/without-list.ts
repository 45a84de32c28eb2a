// Why nobody can be recognised while a list of keys or passwords is missing.

import type { Rejection } from './identity.ts';
import type { KeySet } from './key-sets.ts';

/** @param isOfAnother whether the credentials may be meant for another identity */
export function withoutList(
  identity: string,
  { source, whyNone }: KeySet,
  isOfAnother: boolean = false,
): Rejection {
  return {
    isOfAnother,
    token: 'keys_unavailable',
    sentence: `there are no keys of identity ${identity} (${source}): ${whyNone ?? 'they were taken away'}`,
  };
}
