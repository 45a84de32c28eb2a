// Why a process that reads what strangers have sent gives no result. The sentence may quote them.

import { visibleText } from '../config/visible-text.ts';
import { fieldOf } from './asked-process.ts';

/** Names in descriptors have any length. */
const LONGEST_REASON = 1000;

export interface Refusal {
  readonly kind: 'refused';
  readonly why: string;
  /** The descriptors lack the method of the message. */
  readonly isUnknown?: true;
}

export function refused(why: string): Refusal {
  return { kind: 'refused', why: why.slice(0, LONGEST_REASON) };
}

/** @returns undefined if the message is no refusal */
export function readRefusal(message: unknown): Refusal | undefined {
  const [why, isUnknown] = [fieldOf(message, 'why'), fieldOf(message, 'isUnknown')];
  if (fieldOf(message, 'kind') !== 'refused' || typeof why !== 'string' || why.length > LONGEST_REASON)
    return undefined;
  const refusal = { kind: 'refused', why: visibleText(why.replaceAll('\n', ' ')) } as const;
  return isUnknown === true ? { ...refusal, isUnknown } : refusal;
}
