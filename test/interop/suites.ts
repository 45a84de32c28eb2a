// Which client talks to which service in which cases. A suite whose interpreter is missing is skipped by name.

import { adminPort } from './cases/admin-port.ts';
import { asyncioEndings, endings, outages } from './cases/endings.ts';
import { load } from './cases/load.ts';
import { nodeClient } from './cases/node-client.ts';
import { pacing } from './cases/pacing.ts';
import { asyncioCalls, discovery, plainCalls } from './cases/plain-calls.ts';
import type { InteropCase } from './interop-case.ts';
import type { Interpreter, Interpreters, Missing } from './interpreters.ts';
import { portSuite } from './ports/port-suite.ts';
import type { Tools } from './ports/tools.ts';
import type { Ends } from './workbench.ts';

export type Suite = { readonly name: string } & (
  | {
      readonly cases: readonly InteropCase[];
      readonly ends: Ends;
      /** For what the cases share; says what is wrong with how it ended. */
      readonly close?: () => Promise<readonly string[]>;
    }
  | { readonly skipped: string }
);

export function suitesOf({ packageIndex, debian }: Interpreters, tools: Tools): readonly Suite[] {
  const bothEnds = [...plainCalls, ...endings, ...outages, ...load, ...pacing];
  return [
    suite('grpcio to grpcio', packageIndex, [...bothEnds, ...discovery, ...adminPort], (python) => ({
      client: python,
      service: { kind: 'python', interpreter: python, isAsyncio: false },
    })),
    suite('grpc.aio to grpc.aio', packageIndex, [...asyncioCalls, ...asyncioEndings], (python) => ({
      client: python,
      service: { kind: 'python', interpreter: python, isAsyncio: true },
    })),
    suite(
      'grpcio to the demo service',
      packageIndex,
      [...plainCalls, ...endings, ...discovery],
      (python) => ({
        client: python,
        service: { kind: 'demo' },
      }),
    ),
    suite('grpc-js to grpcio', packageIndex, nodeClient, (python) => ({
      client: undefined,
      service: { kind: 'python', interpreter: python, isAsyncio: false },
    })),
    suite("Debian's grpcio to itself", debian, bothEnds, (python) => ({
      client: python,
      service: { kind: 'python', interpreter: python, isAsyncio: false },
    })),
    {
      name: 'clients, ports, answers',
      ends: { client: undefined, service: { kind: 'demo' } },
      ...portSuite(tools),
    },
  ];
}

function suite(
  title: string,
  interpreter: Interpreter | Missing,
  cases: readonly InteropCase[],
  ends: (interpreter: Interpreter) => Ends,
): Suite {
  if ('missing' in interpreter) return { name: title, skipped: interpreter.missing };
  return { name: `${title} (${interpreter.version})`, cases, ends: ends(interpreter) };
}
