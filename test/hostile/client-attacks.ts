// Building blocks: floods and violations by a client, mounted on every listener by attackers that read and that do not.

import assert from 'node:assert/strict';
import { errorCodeName } from '../../src/h2/error-codes.ts';
import type { Attack } from './attack.ts';
import { Attacker, type AttackerOptions } from './attacker.ts';
import type { HostileUpstream } from './hostile-upstream.ts';
import type { Stage } from './stage.ts';

const WAYS: readonly AttackerOptions[] = [
  { listener: 'clear', reads: true },
  { listener: 'clear', reads: false },
  { listener: 'tls', reads: true },
  { listener: 'tls', reads: false },
];

export interface ClientFlood {
  readonly id: string;
  readonly name: string;
  readonly token: string;
  readonly code: number;
  readonly isShort?: boolean;
  readonly settings?: AttackerOptions['settings'];
  /** Bytes behind preface and SETTINGS. The upstream holds calls unless told otherwise. */
  readonly bytes: (upstream: HostileUpstream) => Buffer;
  /** Prepares the upstream, and says what is to hold in the end. */
  readonly upstream?: (upstream: HostileUpstream) => undefined | (() => void);
}

/** Ends the connection with GOAWAY, its code and the rule in its text, and closes it though the attacker does not read. */
export function clientFlood(flood: ClientFlood): Attack {
  return {
    id: flood.id,
    name: flood.name,
    rule: flood.token,
    isShort: flood.isShort ?? false,
    mount: (stage) => mountClientFlood(stage, flood),
  };
}

async function mountClientFlood(stage: Stage, flood: ClientFlood): Promise<string> {
  const upstream = stage.newUpstream();
  const check = flood.upstream?.(upstream);
  const from = stage.newSource();
  const bytes = flood.bytes(upstream);
  const slowest = await Promise.all(
    WAYS.map(async (way) => {
      const attacker = await Attacker.open(stage, { ...way, from, settings: flood.settings ?? [] });
      attacker.send(bytes);
      if (attacker.reads) await attacker.wantGoAway(flood.code, flood.token);
      return attacker.wantGone();
    }),
  );
  await stage.wantOneLine(from, flood.token);
  check?.();
  const seconds = (Math.max(...slowest) / 1000).toFixed(1);
  return `GOAWAY ${errorCodeName(flood.code)}, closed in ${seconds} s`;
}

export interface Violation {
  readonly token: string;
  readonly code: number;
  /** Bytes behind preface and SETTINGS. */
  readonly bytes: (path: string) => Buffer;
}

/** Many single frames that break the connection, each by two attackers: one that reads and one that does not. */
export function connectionViolations(
  attack: Pick<Attack, 'id' | 'name' | 'isShort'>,
  violations: readonly Violation[],
): Attack {
  const tokens = new Set(violations.map(({ token }) => token));
  return {
    ...attack,
    rule: [...tokens].join(', '),
    async mount(stage) {
      const { path } = stage.newUpstream();
      await Promise.all(violations.map((violation) => mountViolation(stage, violation, path)));
      const codes = new Set(violations.map(({ code }) => errorCodeName(code)));
      return `${violations.length} times GOAWAY (${[...codes].join(', ')}), closed`;
    },
  };
}

async function mountViolation(stage: Stage, { token, code, bytes }: Violation, path: string): Promise<void> {
  const from = stage.newSource();
  await Promise.all(
    [true, false].map(async (reads) => {
      const attacker = await Attacker.open(stage, { from, reads });
      attacker.send(bytes(path));
      if (reads) await attacker.wantGoAway(code, token);
      await attacker.wantGone();
    }),
  );
  await stage.wantOneLine(from, token);
}

/** Violations that cost their stream and nothing else: stream 1 is reset, and another call is served. */
export function streamViolations(
  attack: Pick<Attack, 'id' | 'name' | 'isShort'>,
  violations: readonly Violation[],
): Attack {
  const tokens = new Set(violations.map(({ token }) => token));
  return {
    ...attack,
    rule: [...tokens].join(', '),
    async mount(stage) {
      const upstream = stage.newUpstream();
      let served = 0;
      upstream.onRequest = (request) => {
        if (request.field('x-call') === 'proper') request.succeed();
      };
      await Promise.all(
        violations.map(async ({ token, code, bytes }) => {
          const from = stage.newSource();
          const attacker = await Attacker.open(stage, { from });
          attacker.send(bytes(upstream.path));
          await attacker.wantReset(1, code);
          attacker.request(101, upstream.path, ['x-call', 'proper']);
          assert.equal(await attacker.outcome(101), '0', `a call after ${token}`);
          served++;
          await stage.wantOneLine(from, token);
          attacker.leave();
        }),
      );
      assert.equal(served, violations.length);
      const codes = new Set(violations.map(({ code }) => errorCodeName(code)));
      return `${violations.length} times RST_STREAM (${[...codes].join(', ')}), connection whole`;
    },
  };
}
