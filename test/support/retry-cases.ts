// Calls that are sent again, or not: what a client of @grpc/grpc-js and the service behind a proxy do and see, case by case. The cases
// are those for which grpc-go (test/retry_test.go) and @grpc/grpc-js (test-retry.ts, test-deadline.ts) have tests.

export interface RetryCase {
  readonly what: string;
  /** Whose test has the case. '' for what those do not have. */
  readonly from: 'grpc-go' | 'grpc-js' | '';
  /** The `retry` of the route. Undefined for a route without. */
  readonly retry?: Readonly<Record<string, unknown>>;
  readonly timeouts?: Readonly<Record<string, string>>;
  /** What the client does, step by step; in the end it waits for the status. */
  readonly client: readonly ClientStep[];
  readonly deadlineMs?: number;
  /** The most time that the service may be told. The default is what the client has. */
  readonly mostMs?: number;
  /** What the service does in one attempt after the other. */
  readonly service: readonly (readonly ServiceStep[])[];
  /** The messages and the status that the client gets. */
  readonly clientSees: string;
  /** Of each attempt, how many there were before and what the service has read; see ScriptedService. */
  readonly serviceSees: readonly string[];
}

/** To send the message of this name, to end the request, to wait for headers or for a message. */
export type ClientStep = { readonly send: string } | 'half-close' | 'headers' | 'read';

/** To wait for a message or for the end of the request; to send headers, a message, or a status; to say nothing until the call ends. */
export type ServiceStep =
  | 'read'
  | 'half-close'
  | 'headers'
  | 'silence'
  | 'refuse'
  | 'lose'
  | { readonly send: string }
  | { readonly status: number; readonly pushback?: readonly string[] };

/** The name of a message of 70 KiB, which is more than the proxy keeps. */
export const LARGE = 'large';

const QUICKLY = { backoff: '10ms', maxBackoff: '10ms' };
/** As gRPC itself: what comes behind headers is not retried. */
const FOUR = { attempts: 4, hold: 'off', ...QUICKLY };
const THREE = { attempts: 3, on: ['UNAVAILABLE', 'RESOURCE_EXHAUSTED'], ...QUICKLY };
const EXISTS = { attempts: 4, on: ['ALREADY_EXISTS'], ...QUICKLY };
/** A pause that no test waits for. */
const SLOWLY = { attempts: 4, backoff: '1m', maxBackoff: '1m' };

const one = { send: '1' } as const;
const two = { send: '2' } as const;
const three = { send: '3' } as const;
const unary: readonly ClientStep[] = [one, 'half-close'];

function fails(status: number, ...before: readonly ServiceStep[]): readonly ServiceStep[] {
  return [...before, { status }];
}
function pushesBack(...pushback: readonly string[]): readonly ServiceStep[] {
  return ['read', { status: 14, pushback }];
}
const exhausted = fails(8, 'read', 'half-close');
const unavailable = fails(14, 'read');
const exists = fails(6, 'read', 'half-close');
const echoes: readonly ServiceStep[] = ['read', 'half-close', { send: 'a' }, { status: 0 }];

const unaryOfGo: readonly RetryCase[] = (
  [
    ['OK at once', [echoes], 'a, OK', ['0: 1 end']],
    ['a listed status, then OK', [exists, echoes], 'a, OK', ['0: 1 end', '1: 1 end']],
    [
      'a listed status twice, then OK',
      [exists, exists, echoes],
      'a, OK',
      ['0: 1 end', '1: 1 end', '2: 1 end'],
    ],
    ['a status that is not listed', [fails(13, 'read', 'half-close')], 'INTERNAL', ['0: 1 end']],
    [
      'a listed status, then one that is not',
      [exists, fails(13, 'read', 'half-close')],
      'INTERNAL',
      ['0: 1 end', '1: 1 end'],
    ],
    [
      'a listed status twice, then one that is not',
      [exists, exists, fails(13, 'read', 'half-close')],
      'INTERNAL',
      ['0: 1 end', '1: 1 end', '2: 1 end'],
    ],
    [
      'a listed status in every attempt',
      [exists, exists, exists, exists, echoes],
      'ALREADY_EXISTS',
      ['0: 1 end', '1: 1 end', '2: 1 end', '3: 1 end'],
    ],
  ] as const
).map(([what, service, clientSees, serviceSees]) => ({
  what: `unary: ${what}`,
  from: 'grpc-go',
  retry: EXISTS,
  client: unary,
  service,
  clientSees,
  serviceSees,
}));

const streamsOfGo: readonly RetryCase[] = (
  [
    ['a status that is not listed', [one], [fails(13, 'read')], 'INTERNAL', ['0: 1']],
    [
      'one retry',
      [one, 'read'],
      [unavailable, ['read', { send: 'a' }, { status: 0 }]],
      'a, OK',
      ['0: 1', '1: 1'],
    ],
    [
      'more attempts than there may be',
      [one],
      [unavailable, unavailable, unavailable, unavailable, ['read', { status: 0 }]],
      'UNAVAILABLE',
      ['0: 1', '1: 1', '2: 1', '3: 1'],
    ],
    [
      'several messages',
      [one, two, 'read'],
      [fails(14, 'read', 'read'), ['read', 'read', { send: 'a' }, { status: 0 }]],
      'a, OK',
      ['0: 1 2', '1: 1 2'],
    ],
    [
      'a message more in each attempt',
      [one, two, three, 'read'],
      [unavailable, fails(14, 'read', 'read'), ['read', 'read', 'read', { send: 'a' }, { status: 0 }]],
      'a, OK',
      ['0: 1', '1: 1 2', '2: 1 2 3'],
    ],
    [
      'no retry behind a message',
      [one, 'read'],
      [unavailable, ['read', { send: 'a' }, { status: 14 }]],
      'a, UNAVAILABLE',
      ['0: 1', '1: 1'],
    ],
    [
      'a retry while the client waits for headers',
      [one, 'headers'],
      [unavailable, ['read', 'headers', { status: 0 }]],
      'headers, OK',
      ['0: 1', '1: 1'],
    ],
    [
      'no retry behind headers',
      [one, 'headers'],
      [fails(14, 'read', 'headers')],
      'headers, UNAVAILABLE',
      ['0: 1'],
    ],
    [
      'the end of the request is sent again',
      [one, two, 'half-close', 'read', 'read', 'read'],
      [
        fails(14, 'read', 'read', 'half-close'),
        ['read', 'read', 'half-close', { send: 'a' }, { send: 'b' }, { send: 'c' }, { status: 0 }],
      ],
      'a b c, OK',
      ['0: 1 2 end', '1: 1 2 end'],
    ],
    ['negative pushback', [one], [pushesBack('-1')], 'UNAVAILABLE', ['0: 1']],
    ['pushback that is no number', [one], [pushesBack('xxx')], 'UNAVAILABLE', ['0: 1']],
    ['pushback of several values', [one], [pushesBack('100', '10')], 'UNAVAILABLE', ['0: 1']],
    [
      'pushback of a second',
      [one, 'read'],
      [pushesBack('1000'), ['read', { send: 'a' }, { status: 0 }]],
      'a, OK',
      ['0: 1', '1 after 1000 ms or more: 1'],
    ],
    ['more than is kept', [{ send: LARGE }], [unavailable], 'UNAVAILABLE', [`0: ${LARGE}`]],
    [
      'a stream that is refused is sent again without a policy',
      [one, 'read'],
      [
        ['read', 'refuse'],
        ['read', { send: 'a' }, { status: 0 }],
      ],
      'a, OK',
      ['0: 1', '0: 1'],
    ],
  ] as const
).map(([what, client, service, clientSees, serviceSees]) => ({
  what: `stream: ${what}`,
  from: 'grpc-go',
  retry: FOUR,
  client,
  service,
  clientSees,
  serviceSees,
}));

const ofJs: readonly RetryCase[] = (
  [
    ['OK at once, without retry', [echoes], 'a, OK', ['0: 1 end'], undefined],
    ['a failure without retry', [exhausted], 'RESOURCE_EXHAUSTED', ['0: 1 end'], undefined],
    ['OK at once', [echoes], 'a, OK', ['0: 1 end'], THREE],
    [
      'as many failures as there may be',
      [exhausted, exhausted, echoes],
      'a, OK',
      ['0: 1 end', '1: 1 end', '2: 1 end'],
      THREE,
    ],
    [
      'one failure too many: the last answer stands',
      [exhausted, exhausted, exhausted, echoes],
      'RESOURCE_EXHAUSTED',
      ['0: 1 end', '1: 1 end', '2: 1 end'],
      THREE,
    ],
    ['a fatal status', [fails(5, 'read', 'half-close'), echoes], 'NOT_FOUND', ['0: 1 end'], THREE],
    [
      'five attempts, the most there may be',
      [exhausted, exhausted, exhausted, exhausted, exhausted, echoes],
      'RESOURCE_EXHAUSTED',
      ['0: 1 end', '1: 1 end', '2: 1 end', '3: 1 end', '4: 1 end'],
      { ...THREE, attempts: 5 },
    ],
    ['a code of its own', [fails(300, 'read', 'half-close'), echoes], 'code 300', ['0: 1 end'], THREE],
  ] as const
).map(([what, service, clientSees, serviceSees, retry]) => ({
  what: `unary: ${what}`,
  from: 'grpc-js',
  ...(retry === undefined ? {} : { retry }),
  client: unary,
  service,
  clientSees,
  serviceSees,
}));

/** Enough for a call to reach its service on a busy machine. */
const DEADLINE_MS = 5000;

const deadlines: readonly RetryCase[] = [
  {
    what: 'deadline: a service that says nothing',
    from: 'grpc-js',
    client: unary,
    deadlineMs: DEADLINE_MS,
    service: [['read', 'half-close', 'silence']],
    clientSees: 'DEADLINE_EXCEEDED',
    serviceSees: ['0, with a deadline: 1 end cancelled'],
  },
  {
    what: 'deadline: the one of the route, for a client that has none',
    from: 'grpc-js',
    timeouts: { deadline: `${DEADLINE_MS}ms` },
    mostMs: DEADLINE_MS,
    client: unary,
    service: [['read', 'half-close', 'silence']],
    clientSees: 'DEADLINE_EXCEEDED',
    serviceSees: ['0, with a deadline: 1 end cancelled'],
  },
  {
    what: 'deadline: a longer one than the route allows',
    from: 'grpc-js',
    timeouts: { maxDeadline: `${DEADLINE_MS}ms` },
    mostMs: DEADLINE_MS,
    client: unary,
    deadlineMs: 20_000,
    service: [['read', 'half-close', 'silence']],
    clientSees: 'DEADLINE_EXCEEDED',
    serviceSees: ['0, with a deadline: 1 end cancelled'],
  },
  {
    what: 'deadline: none',
    from: 'grpc-js',
    client: unary,
    service: [echoes],
    clientSees: 'a, OK',
    serviceSees: ['0: 1 end'],
  },
  {
    what: 'deadline: what is left is told to each attempt',
    from: '',
    retry: FOUR,
    client: unary,
    deadlineMs: 60_000,
    service: [pushesBack('1000'), echoes],
    clientSees: 'a, OK',
    serviceSees: ['0, with a deadline: 1', '1 after 1000 ms or more, with as much less: 1 end'],
  },
  {
    what: 'deadline: a pause that would outlast it is not begun',
    from: '',
    retry: SLOWLY,
    client: unary,
    deadlineMs: 30_000,
    service: [unavailable, echoes],
    clientSees: 'UNAVAILABLE',
    serviceSees: ['0, with a deadline: 1'],
  },
  {
    what: 'deadline: pushback that would outlast it is not waited for',
    from: '',
    retry: FOUR,
    client: unary,
    deadlineMs: 30_000,
    service: [pushesBack('60000'), echoes],
    clientSees: 'UNAVAILABLE',
    serviceSees: ['0, with a deadline: 1'],
  },
  {
    what: 'deadline: it passes in a further attempt',
    from: '',
    retry: FOUR,
    client: unary,
    deadlineMs: DEADLINE_MS,
    service: [unavailable, ['read', 'silence']],
    clientSees: 'DEADLINE_EXCEEDED',
    serviceSees: ['0, with a deadline: 1', '1, with less: 1 cancelled'],
  },
  {
    what: 'deadline: it passes behind a message of a stream',
    from: '',
    retry: FOUR,
    client: [one, 'read'],
    deadlineMs: DEADLINE_MS,
    service: [['read', { send: 'a' }, 'silence']],
    clientSees: 'a, DEADLINE_EXCEEDED',
    serviceSees: ['0, with a deadline: 1 cancelled'],
  },
];

const own: readonly RetryCase[] = [
  {
    what: 'stream: a status in trailers, behind headers that were held back',
    from: '',
    retry: { ...FOUR, hold: '10s' },
    client: [one, 'read'],
    service: [fails(14, 'read', 'headers'), ['read', { send: 'a' }, { status: 0 }]],
    clientSees: 'a, OK',
    serviceSees: ['0: 1', '1: 1'],
  },
  {
    what: 'stream: a lost connection is UNAVAILABLE',
    from: '',
    retry: FOUR,
    client: [one, 'read'],
    service: [
      ['read', 'lose'],
      ['read', { send: 'a' }, { status: 0 }],
    ],
    clientSees: 'a, OK',
    serviceSees: ['0: 1', '1: 1'],
  },
  {
    what: 'stream: a lost connection without retry',
    from: '',
    client: [one, 'read'],
    service: [['read', 'lose']],
    clientSees: 'UNAVAILABLE',
    serviceSees: ['0: 1'],
  },
];

export const RETRY_CASES: readonly RetryCase[] = [
  ...unaryOfGo,
  ...streamsOfGo,
  ...ofJs,
  ...deadlines,
  ...own,
];
