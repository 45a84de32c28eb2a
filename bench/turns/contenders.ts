// What is measured in short turns: for each subject its contenders, of which the first is what the others are compared with.

import { request } from 'node:http';
import { CALLER_CHECKS, type CallerCheck, callerCheckLines } from '../compare/caller-checks.ts';
import type { IssuedToken } from '../compare/issued-token.ts';
import type { ChangingFields } from '../load/job.ts';

/** What a contender may need. */
export interface Around {
  readonly token: IssuedToken;
  /** A collector of traces that takes everything. */
  readonly collector: string;
  /** The port of a redis-server, for subjects that need one. */
  readonly redisPort: number;
}

export interface Contender {
  readonly name: string;
  /** What may it cost more than the first, in microseconds of CPU time a call? */
  readonly mostMoreUs?: number;
  /** The same in percent of the first. */
  readonly mostMorePercent?: number;
  /** Lines of the route. */
  readonly route?: string;
  /** Sections of the configuration. */
  readonly sections?: string;
  /** Does something to the running proxy before its turns. @returns what ends it */
  readonly attend?: (adminPort: number) => Promise<() => void>;
}

export interface Subject {
  readonly needsRedis: boolean;
  readonly hasToken: boolean;
  readonly changing: ChangingFields;
  readonly contenders: (around: Around) => readonly Contender[];
}

const MOST_OF_POLICIES_US = 1.5;
const MOST_OF_TRACES_US = 0.5;
const MOST_OF_LEASES_US = 0.3;
const MOST_OF_TAP_PERCENT = 3;
/** More than can be made, since refused calls would cost less. */
const NEVER_REACHED = 1_000_000;

export const SUBJECTS: Readonly<Record<string, Subject>> = {
  policies: {
    needsRedis: false,
    hasToken: true,
    changing: 'none',
    contenders: ({ token }) => {
      const checked = (name: string, checks: readonly CallerCheck[], more: object = {}): Contender => {
        const lines = callerCheckLines({ checks, token });
        return {
          name,
          route: String(lines['framegateCheckLines']),
          sections: String(lines['framegateIdentities']),
          ...more,
        };
      };
      return [
        { name: 'without policies' },
        ...CALLER_CHECKS.map((check) => checked(check, [check])),
        checked('all together', CALLER_CHECKS, { mostMoreUs: MOST_OF_POLICIES_US }),
      ];
    },
  },
  traces: {
    needsRedis: false,
    hasToken: false,
    changing: 'traceparent',
    contenders: ({ collector }) => [
      { name: 'traceparent passed on, no traces' },
      {
        name: 'traces of 1 %',
        sections: `trace: { exporter: "${collector}", sample: 1% }\n`,
        mostMoreUs: MOST_OF_TRACES_US,
      },
    ],
  },
  tap: {
    needsRedis: false,
    hasToken: false,
    changing: 'none',
    contenders: () => [
      { name: 'nobody looks' },
      {
        name: 'tap whose filter leaves nothing',
        mostMorePercent: MOST_OF_TAP_PERCENT,
        attend: async (adminPort) => await subscribe(adminPort, 'kinds=start,end&method=/none'),
      },
    ],
  },
  leases: {
    needsRedis: true,
    hasToken: false,
    changing: 'none',
    contenders: ({ redisPort }) => {
      return [
        { name: 'limit of this process', route: limitLine('') },
        {
          name: 'the same limit by leases of Redis',
          route: limitLine(', store: fleet'),
          sections: `stores: { fleet: { redis: "redis://127.0.0.1:${redisPort}" } }\n`,
          mostMoreUs: MOST_OF_LEASES_US,
        },
      ];
    },
  },
};

function limitLine(more: string): string {
  return `    limits: [{ count: calls, rate: ${NEVER_REACHED}/s, by: [client]${more} }]\n`;
}

/** Resolves when the proxy has the subscriber. */
async function subscribe(port: number, search: string): Promise<() => void> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request(
    { host: '127.0.0.1', port, path: `/api/events?${search}`, agent: false },
    (response) => {
      response.on('error', () => undefined);
      response.resume();
      resolve(response.statusCode ?? 0);
    },
  );
  sent.on('error', reject);
  sent.end();
  const status = await promise;
  if (status !== 200) throw new Error(`the proxy answers ${status} to ${search}`);
  return () => sent.destroy();
}
