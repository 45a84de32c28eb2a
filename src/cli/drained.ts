// Waits until a proxy that drains has ended. What answers at its address later may be another proxy, so nothing is asked that changes
// anything.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../config/error-code.ts';
import { type AdminTarget, whereOf } from '../control/admin-target.ts';
import { fieldOf } from '../control/answer-fields.ts';
import { askAdmin } from '../control/ask-admin.ts';

export interface Waiting {
  /** Undefined means as long as it takes. */
  readonly mostMs: number | undefined;
  /** How long between two questions. */
  readonly everyMs?: number;
  /** Called with the number of running calls when it is another one than before. */
  readonly onCalls: (calls: number) => void;
}

const EVERY_MS = 500;
const ANSWER_WITHIN_MS = 10_000;

/** `ended`: nothing listens at the address any more. `replaced`: another proxy takes calls there. `late`: the time is over. */
export type Drained = 'ended' | 'replaced' | 'late';

export async function untilDrained(
  target: AdminTarget,
  { mostMs = Number.POSITIVE_INFINITY, everyMs = EVERY_MS, onCalls }: Waiting,
): Promise<Drained> {
  const endsAtMs = performance.now() + mostMs;
  let shown: number | undefined;
  for (;;) {
    const ready = await askAdmin(target, 'GET', '/ready', { timeoutMs: ANSWER_WITHIN_MS });
    if (typeof ready === 'string') {
      if (!(await isListening(target))) return 'ended';
      // One that drains never takes calls again.
    } else if (ready.status === 200) return 'replaced';
    const answer = await askAdmin(target, 'GET', '/api/config', { timeoutMs: ANSWER_WITHIN_MS });
    const calls = typeof answer === 'string' ? undefined : fieldOf(answer.body, 'calls');
    if (typeof calls === 'number' && calls !== shown) {
      shown = calls;
      onCalls(calls);
    }
    if (performance.now() >= endsAtMs) return 'late';
    await sleep(Math.min(everyMs, Math.max(1, endsAtMs - performance.now())));
  }
}

/** A proxy that is busy answers late, and still takes connections. Whatever fails in another way says nothing. */
function isListening({ address }: AdminTarget): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const where = whereOf(address);
  const socket = 'socketPath' in where ? connect(where.socketPath) : connect(where);
  socket.once('connect', () => resolve(true));
  socket.once('error', (error) => resolve(!/^(?:ECONNREFUSED|ENOENT)$/.test(errorCode(error) ?? '')));
  return promise.finally(() => socket.destroy());
}
