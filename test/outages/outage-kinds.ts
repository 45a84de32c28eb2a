// What can happen to a server, each beginning and ending at a moment of the trial's choice.

import type { Machine } from './machine.ts';

export interface OutageKind {
  readonly name: string;
  /** How long it lasts. */
  readonly seconds: number;
  /** Whether the calls that the server has then can still be answered. */
  readonly isGraceful: boolean;
  /** What the proxy's log has to say of it, at least once. */
  readonly noticedBy: RegExp;
  begin(machine: Machine): void;
  end(machine: Machine): Promise<void>;
}

async function startAgain(machine: Machine): Promise<void> {
  await machine.ended();
  await machine.start();
}

export const OUTAGE_KINDS: readonly OutageKind[] = [
  {
    name: 'killed',
    seconds: 5,
    isGraceful: false,
    noticedBy: /broke|no new calls|cannot be reached|refused/,
    begin: (machine) => machine.signal('SIGKILL'),
    end: startAgain,
  },
  {
    name: 'not serving',
    seconds: 10,
    isGraceful: true,
    noticedBy: /no new calls/,
    begin: (machine) => machine.setHealth('NOT_SERVING'),
    end: async (machine) => machine.setHealth('SERVING'),
  },
  {
    name: 'stopped',
    seconds: 25,
    isGraceful: false,
    noticedBy: /no new calls/,
    begin: (machine) => machine.signal('SIGSTOP'),
    end: async (machine) => machine.signal('SIGCONT'),
  },
  {
    name: 'restarted',
    seconds: 8,
    isGraceful: true,
    noticedBy: /takes no more calls|no new calls|broke/,
    begin: (machine) => machine.signal('SIGTERM'),
    end: startAgain,
  },
  {
    name: 'cut off',
    seconds: 25,
    isGraceful: false,
    noticedBy: /no new calls/,
    begin: (machine) => machine.cut(),
    end: async (machine) => machine.join(),
  },
];
