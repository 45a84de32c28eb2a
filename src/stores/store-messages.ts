// What a proxy and the process that takes leases of its stores say to each other. That process reads what servers send, so nothing that it
// says is believed unchecked.

import type { LeaseAnswer, LeaseAsk, Leases } from '../config/lease-messages.ts';
import { listOf, mapOf, type RawMap, textOf } from '../config/raw-value.ts';
import type { StoreOptions } from './store-options.ts';

export type ToStores =
  /** All stores there are from now on. `id` tells the proxy apart from others. Holds secrets. */
  | { readonly type: 'use'; readonly id: string; readonly stores: readonly StoreOptions[] }
  /** `ask.number` is that of the proxy, not of the process that carries calls. */
  | { readonly type: 'take'; readonly ask: LeaseAsk }
  | { readonly type: 'close' };

export type FromStores =
  | { readonly type: 'ready' }
  /** `reason` is a code that says why there are no leases. Undefined where the store is not in use. */
  | ({ readonly type: 'taken'; readonly tookMs: number; readonly reason?: string } & LeaseAnswer)
  | { readonly type: 'up'; readonly store: string; readonly holders: number }
  | { readonly type: 'down'; readonly store: string; readonly reason: string }
  /** The process ends by an uncaught error of this name, at these places of the program. Its text may be a server's. */
  | { readonly type: 'fault'; readonly name: string; readonly places: string };

const REASON = /^\w{1,64}$/;
const MOST_CHARACTERS = 2000;

/** @returns undefined for a message that the process never sends */
export function readFromStores(message: unknown): FromStores | undefined {
  const fields = mapOf(message);
  const store = textOf(fields.get('store')) ?? '';
  switch (fields.get('type')) {
    case 'ready':
      return { type: 'ready' };
    case 'up': {
      const holders = countOf(fields.get('holders'));
      return holders === undefined || holders < 1 ? undefined : { type: 'up', store, holders };
    }
    case 'down': {
      const reason = textOf(fields.get('reason')) ?? '';
      return REASON.test(reason) ? { type: 'down', store, reason } : undefined;
    }
    case 'taken':
      return readTaken(fields);
    case 'fault':
      return { type: 'fault', name: shortText(fields, 'name'), places: shortText(fields, 'places') };
    default:
      return undefined;
  }
}

function readTaken(fields: RawMap): FromStores | undefined {
  const number = countOf(fields.get('number'));
  const tookMs = fields.get('tookMs');
  if (number === undefined || typeof tookMs !== 'number' || !(tookMs >= 0)) return undefined;
  const raw = fields.get('leases');
  if (raw === undefined) {
    const reason = textOf(fields.get('reason')) ?? '';
    return { type: 'taken', number, tookMs, ...(REASON.test(reason) && { reason }) };
  }
  const leases = readLists(mapOf(raw));
  return leases && { type: 'taken', number, tookMs, leases };
}

function readLists(fields: RawMap): Leases | undefined {
  const [granted, waitMs, room] = ['granted', 'waitMs', 'room'].map((name) => countsOf(fields.get(name)));
  if (granted === undefined || waitMs === undefined || room === undefined) return undefined;
  return granted.length === waitMs.length && granted.length === room.length
    ? { granted, waitMs, room }
    : undefined;
}

function countsOf(value: unknown): readonly number[] | undefined {
  const counts = listOf(value)
    .map(countOf)
    .filter((each) => each !== undefined);
  return counts.length === listOf(value).length ? counts : undefined;
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function shortText(fields: RawMap, name: string): string {
  return (textOf(fields.get(name)) ?? '').slice(0, MOST_CHARACTERS);
}
