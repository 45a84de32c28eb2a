// The process that exports spans. It alone loads OpenTelemetry's packages and owns the connection to the collector, so that whatever a
// collector does to it ends no process that carries calls. It ends with the proxy that has started it.

import { type FromExporter, isToExporter, type ToExporter } from './exporter-messages.ts';
import type { ExporterOptions, MakeExporter } from './span-exporter.ts';
import { readSpans } from './span-lines.ts';
import { SpanQueue } from './span-queue.ts';

/** EX_SOFTWARE in sysexits.h. */
const FAULT_EXIT_CODE = 70;
/**
 * A collector could answer without end, also outside of the heap, which has a bound of its own: a process that has grown so much ends, and
 * another one is started.
 */
const MOST_BYTES = 384 * 1024 * 1024;
const LOOK_EVERY_MS = 250;
/** How long the rest may take when the proxy is gone. */
const ORPHANED_MS = 3000;

interface FaultReport {
  readonly name: string;
  readonly places: string;
}

/** Sends a message to the proxy. @param sent is called once the channel has taken it, or never if the proxy is gone */
export type SendToProxy = (message: FromExporter, sent?: () => void) => void;

/** Resolves to the exit code. Messages of the proxy arrive as events of the process. */
export async function runExporter(send: SendToProxy): Promise<number> {
  endAtFaults(send);
  const { promise: ended, resolve: end } = Promise.withResolvers<number>();
  let exporter: Promise<SpanQueue> | undefined;
  const close = async (mostMs: number): Promise<void> => {
    const queue = await exporter;
    await queue?.close(mostMs);
    end(0);
  };
  process.on('message', (message: unknown) => {
    if (!isToExporter(message)) {
      send({
        type: 'unusable',
        message: 'the exporter does not know a message of the proxy: restart the service to upgrade',
      });
      end(1);
      return;
    }
    if (message.type === 'start') {
      exporter = open(message.options, send);
      exporter.then(
        () => send({ type: 'ready' }),
        (error: unknown) => {
          send({ type: 'unusable', message: error instanceof Error ? error.message : String(error) });
          end(1);
        },
      );
    } else if (message.type === 'spans') void exporter?.then((queue) => take(queue, message)).catch(ignore);
    else void close(message.mostMs).catch(() => end(1));
  });
  process.once('disconnect', () => void close(ORPHANED_MS).catch(() => end(1)));
  // It may have gone before this line.
  if (!process.connected) end(0);
  const look = setInterval(() => {
    if (process.memoryUsage.rss() > MOST_BYTES) die({ name: 'TooMuchMemory', places: '' }, send);
  }, LOOK_EVERY_MS);
  const exitCode = await ended;
  clearInterval(look);
  return exitCode;
}

async function open(options: ExporterOptions, send: SendToProxy): Promise<SpanQueue> {
  const makeExporter = await loadExporter(options);
  const counts = { exported: 0, failed: 0, rejected: 0, dropped: 0 };
  return new SpanQueue({
    makeExporter,
    counts,
    onCounted: () => send({ type: 'counts', ...counts }),
    onFailed: (code, lost) => send({ type: 'failing', code, lost }),
    onRecovered: () => send({ type: 'recovered' }),
    onRejected: (spans) => send({ type: 'rejected', spans }),
  });
}

/** Loads OpenTelemetry's packages for one protocol. Connects to nothing yet. Rejects if they cannot be loaded. */
export async function loadExporter(options: ExporterOptions): Promise<MakeExporter> {
  if (options.protocol === 'http') {
    const { otlpHttpExporter } = await import('./otlp-http-exporter.ts');
    return () => otlpHttpExporter(options);
  }
  const { otlpGrpcExporter } = await import('./otlp-grpc-exporter.ts');
  return () => otlpGrpcExporter(options);
}

function take(queue: SpanQueue, { lines, count }: Extract<ToExporter, { type: 'spans' }>): void {
  // Spans take ten times the memory of their lines, so they are made when they are exported.
  if (queue.hasRoomFor(count)) queue.add({ count, make: () => readSpans(lines) });
}

/** An uncaught error ends this process at once; the proxy starts another one. */
function endAtFaults(send: SendToProxy): void {
  process.on('uncaughtException', (error) => die(describeFault(error), send));
  process.on('unhandledRejection', (error) => die(describeFault(error), send));
}

function die({ name, places }: FaultReport, send: SendToProxy): void {
  send({ type: 'fault', name, places }, () => process.exit(FAULT_EXIT_CODE));
  // The channel takes it at once, unless the proxy is gone.
  setImmediate(() => setImmediate(() => process.exit(FAULT_EXIT_CODE)));
}

/** The message of the error is left out, since a collector may have written it, and it may hold the secret that it was sent. */
function describeFault(error: unknown): FaultReport {
  if (!(error instanceof Error)) return { name: typeof error, places: '' };
  const places = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return { name: error.name, places: places.slice(0, 5).join('\n') };
}

function ignore(): void {
  // The exporter could not be made, which was said where it was tried.
}
