// Injects one fault after another, with calm between them in which nothing may fail.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../fuzz/random.ts';
import type { FaultProxy, Toxics } from '../support/fault-proxy.ts';
import type { Ledger, Place } from './ledger.ts';
import type { ServiceChild } from './processes.ts';

export interface Wires {
  readonly client: FaultProxy;
  readonly service: FaultProxy;
  readonly web: FaultProxy;
  readonly serviceChild: ServiceChild;
}

/** The aftermath of a fault is over before the calm is. */
const CALM_MS = 6000;

interface FaultKind {
  readonly name: string;
  readonly places: readonly Place[];
  readonly inject: (wire: FaultProxy, wires: Wires) => Promise<void>;
}

function toxic(name: string, toxics: Toxics, lastsMs: number, places: readonly Place[]): FaultKind {
  return {
    name,
    places,
    inject: async (wire) => {
      wire.set(toxics);
      await sleep(lastsMs);
      wire.set({});
    },
  };
}

const EVERYWHERE: readonly Place[] = ['client', 'service', 'web'];

const KINDS: readonly FaultKind[] = [
  {
    name: 'reset',
    places: EVERYWHERE,
    inject: async (wire) => {
      wire.reset();
      await sleep(200);
      wire.reset();
    },
  },
  {
    name: 'half-close',
    places: EVERYWHERE,
    inject: async (wire) => {
      wire.halfClose('toTarget');
      await sleep(100);
      wire.halfClose('toClient');
    },
  },
  {
    name: 'kill',
    places: ['service'],
    inject: async (_wire, { serviceChild }) => {
      serviceChild.kill();
      await sleep(300);
      await serviceChild.start();
    },
  },
  toxic('slices', { sliceBytes: 700, sliceDelayMs: 1 }, 2000, EVERYWHERE),
  toxic('latency', { latencyMs: 50, jitterMs: 20 }, 2000, EVERYWHERE),
  toxic('bandwidth', { bytesPerSecond: 200_000, sliceBytes: 4000 }, 1500, EVERYWHERE),
  toxic('blackhole', { isBlackhole: true }, 1500, EVERYWHERE),
  {
    // Only where TLS notices: in plaintext a wrong byte of a payload is a wrong byte, with or without a proxy. And only
    // towards the proxy: grpc-js keeps a connection whose TLS it can no longer read, and calls on it until they time out.
    name: 'corruption',
    places: ['client'],
    inject: async (wire) => {
      wire.set({ corruptEveryBytes: 50_000 }, 'toTarget');
      await sleep(800);
      wire.set({});
    },
  },
];

export async function injectFaults(
  wires: Wires,
  ledger: Ledger,
  random: Random,
  untilMs: number,
): Promise<void> {
  for (let turn = 0; performance.now() < untilMs - 2 * CALM_MS; turn++) {
    // In their order first, so that a short soak has them all.
    const kind = turn < KINDS.length ? KINDS[turn] : random.pick(KINDS);
    for (const place of turn < KINDS.length ? kind.places : [random.pick(kind.places)]) {
      const fault = ledger.faultBegins(kind.name, place);
      await kind.inject(wires[place], wires);
      fault.end();
    }
    await sleep(CALM_MS);
  }
}
