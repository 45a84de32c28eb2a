// The honest service and the honest client, in a process of their own: while others attack, it calls its service through
// the proxy all the time, unary and on a stream, and says how that goes. Nothing of the proxy is used here.

import { connect, createServer, type ServerHttp2Stream } from 'node:http2';
import { type BystanderReport, type BystanderStart, isStart } from './bystander-report.ts';
import { ProcessorWaits } from './processor-waits.ts';

/** Between two calls: the proxy is to be in use, not busy. */
const PAUSE_MS = 2;
const STREAM_PERIOD_MS = 20;
const LONGEST_WAIT_MS = 30_000;
const MESSAGE = Buffer.concat([Buffer.from([0, 0, 0, 0, 100]), Buffer.alloc(100, 0x61)]);

let durationsMs: number[] = [];
let failures: string[] = [];
let echoes = 0;

function serve(): Promise<number> {
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    if (headers[':path'] === '/good.Service/Stream') {
      stream.pipe(stream);
    } else {
      stream.resume();
      stream.on('end', () => stream.end(MESSAGE));
    }
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(address === null || typeof address === 'string' ? 0 : address.port);
    });
  });
}

/** In parallel, before there is any attack: the proxy's heap is to be as large as honest load makes it. */
const WARM_UP_CALLS = 64;
const WARM_UP_MS = 2000;

function callAllTheTime({ port, pids }: BystanderStart): void {
  const waits = new ProcessorWaits(pids);
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', (error) => failures.push(`session: ${error.message}`));
  session.on('goaway', (code) => failures.push(`GOAWAY ${code}`));
  const usual = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };
  const warmUntilMs = performance.now() + WARM_UP_MS;
  const callOnce = (isExtra: boolean): void => {
    const startedAtMs = performance.now();
    const waitedSince = waits.begin();
    const stream = session.request({ ...usual, ':path': '/good.Service/Unary' });
    const timer = setTimeout(() => stream.destroy(new Error('no answer in time')), LONGEST_WAIT_MS);
    let status: unknown;
    let bytes = 0;
    let problem = '';
    stream.on('trailers', (trailers) => {
      status = trailers['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    stream.on('error', (error) => {
      problem = error.message;
    });
    stream.on('close', () => {
      clearTimeout(timer);
      durationsMs.push(Math.max(0, performance.now() - startedAtMs - waitedSince()));
      if (status !== '0' || bytes !== MESSAGE.length) {
        failures.push(`status ${String(status)}, ${bytes} bytes ${problem}`);
      }
      if (session.destroyed) return;
      const isWarm = performance.now() > warmUntilMs;
      if (!isWarm) callOnce(isExtra);
      else if (!isExtra) setTimeout(callOnce, PAUSE_MS, false);
    });
    stream.end(MESSAGE);
  };
  for (let index = 0; index < WARM_UP_CALLS; index++) callOnce(index > 0);
  const stream = session.request({ ...usual, ':path': '/good.Service/Stream' });
  stream.on('error', (error) => failures.push(`stream: ${error.message}`));
  stream.on('close', () => failures.push('the stream ended'));
  let sent = 0;
  let received = 0;
  let sentAtMs = 0;
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received === sent) echoes++;
  });
  setInterval(() => {
    if (received === sent) {
      sent += MESSAGE.length;
      sentAtMs = performance.now();
      stream.write(MESSAGE);
    } else if (performance.now() - sentAtMs > LONGEST_WAIT_MS) {
      failures.push('no echo in time');
      sentAtMs = performance.now();
    }
  }, STREAM_PERIOD_MS);
}

/** Of the time since the last report. */
function report(): BystanderReport {
  const sorted = durationsMs.toSorted((a, b) => a - b);
  const result = {
    calls: sorted.length,
    echoes,
    failures,
    medianMs: sorted[sorted.length >> 1] ?? Number.NaN,
    worstMs: sorted.at(-1) ?? Number.NaN,
  };
  durationsMs = [];
  failures = [];
  echoes = 0;
  return result;
}

process.on('message', (message: unknown) => {
  if (isStart(message)) callAllTheTime(message);
  else process.send?.(report());
});
process.on('disconnect', () => process.exit());
process.send?.(await serve());
