// However a valid session is cut into chunks, handler and owners are told exactly the same.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import type { Role } from '../../src/h2/connection.ts';
import { frameSummaries } from '../support/frame-summary.ts';
import { cutInto, endpointFor, STEPS, sessionFor } from '../support/sessions.ts';

const DATA_LINE = /^data (\d+) "(.*)"( end)?$/;

/** Where DATA is cut depends on the chunks: pieces that follow each other count as one. */
function withPiecesJoined(log: readonly string[]): string[] {
  const lines: string[] = [];
  for (const line of log) {
    const next = DATA_LINE.exec(line);
    const last = DATA_LINE.exec(lines.at(-1) ?? '');
    if (next !== null && last !== null && next[1] === last[1] && last[3] === undefined) {
      lines[lines.length - 1] = `data ${next[1]} "${last[2]}${next[2]}"${next[3] ?? ''}`;
    } else {
      lines.push(line);
    }
  }
  return lines;
}

interface Outcome {
  readonly told: string[];
  readonly sent: string[];
  readonly violations: string[];
}

function outcomeOf(role: Role, chunks: readonly Buffer[]): Outcome {
  const endpoint = endpointFor(role);
  endpoint.reactions.onRequest = (stream) => {
    endpoint.responds(stream.id);
    endpoint.sends(stream.id, 'answer');
  };
  for (const chunk of chunks) endpoint.hears(chunk);
  return {
    told: withPiecesJoined(endpoint.log),
    sent: frameSummaries(endpoint.takesOutput()),
    violations: endpoint.violations.map((violation) => violation.message),
  };
}

describe('a valid session', () => {
  for (const role of ['server', 'client'] as const) {
    test(`gives the same calls in any chunks, in the ${role} role`, () => {
      fc.assert(
        fc.property(STEPS, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (steps, sizes) => {
          const session = sessionFor(role, steps);
          const whole = outcomeOf(role, [session]);
          assert.deepEqual(whole.violations, []);
          assert.deepEqual(outcomeOf(role, cutInto(session, sizes)), whole);
        }),
        { seed: 9113, numRuns: 150 },
      );
    });

    test(`gives the same calls byte by byte, in the ${role} role`, () => {
      fc.assert(
        fc.property(STEPS, (steps) => {
          const session = sessionFor(role, steps);
          assert.deepEqual(outcomeOf(role, cutInto(session, [1])), outcomeOf(role, [session]));
        }),
        { seed: 9113, numRuns: 40 },
      );
    });
  }
});
