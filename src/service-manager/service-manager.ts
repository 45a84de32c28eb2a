// Tells systemd how this service fares (sd_notify(3)): ready, reloading, stopping, a line of status, and that it is alive.
// Node has no Unix datagram sockets, so systemd-notify sends it (docs/decisions/0023). Never blocks, never throws, and
// does nothing where nobody has asked (NOTIFY_SOCKET).

const sendTimeoutMs = 10_000;
/** How often the status is told where the watchdog does not set the pace. */
const statusEveryMs = 15_000;
/** setInterval takes a longer time for none. */
const longestTimerMs = 2 ** 31 - 1;
/** More can only wait where systemd-notify hangs, and then the newest are what counts. */
const mostWaiting = 8;

type Environment = Record<string, string | undefined>;
/** The assignments of one message, `READY=1` as ['READY', '1']. */
type Message = Map<string, string>;

export interface ServiceManagerOptions {
  /** Told once that systemd does not learn anything, with the reason. */
  readonly onFailure: (reason: string) => void;
  readonly environment?: Environment;
  readonly pid?: number;
}

export class ServiceManager {
  /** Undefined where nobody wants to be told. */
  readonly #socket: string | undefined;
  readonly #watchdogMs: number | undefined;
  readonly #path: string;
  readonly #onFailure: (reason: string) => void;
  readonly #waiting: Message[] = [];
  #describe: () => string = () => '';
  #lastStatus = '';
  #isSending = false;
  #hasFailed = false;
  #isMissing = false;
  #isStopping = false;
  #timer: NodeJS.Timeout | undefined;

  /** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and removes them: children are not to speak for this process. */
  constructor(options: ServiceManagerOptions) {
    const { environment = process.env, pid = process.pid, onFailure } = options;
    const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: interval, WATCHDOG_PID: watched } = environment;
    for (const key of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[key];
    this.#socket = socket === '' ? undefined : socket;
    this.#watchdogMs = watched === undefined || watched === String(pid) ? milliseconds(interval) : undefined;
    this.#path = environment['PATH'] ?? '';
    this.#onFailure = onFailure;
  }

  /**
   * Takes calls, for the first time or again after a reload. `describe` says in a line what is going on; it is asked now
   * and then, and stays in use until another is given.
   */
  ready(describe: () => string = this.#describe): void {
    if (this.#isStopping) return;
    this.#describe = describe;
    this.#sendState([['READY', '1']], describe());
    this.#startTimer();
  }

  /** ready() is to follow, also when the old configuration serves on. */
  reloading(): void {
    if (this.#isStopping) return;
    // For Type=notify-reload; the clock of hrtime is CLOCK_MONOTONIC.
    const now = String(process.hrtime.bigint() / 1000n);
    this.#sendState(
      [
        ['RELOADING', '1'],
        ['MONOTONIC_USEC', now],
      ],
      'reloading',
    );
  }

  /** Takes no more calls, and is never ready again; the watchdog is fed on, since running calls may have hours. */
  stopping(describe: () => string = this.#describe): void {
    this.#isStopping = true;
    this.#describe = describe;
    this.#sendState([['STOPPING', '1']], describe());
  }

  /** May be called twice. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  /** From the event loop: where that hangs, nothing is told, and systemd restarts the service. */
  #startTimer(): void {
    if (this.#socket === undefined || this.#timer !== undefined) return;
    const everyMs = this.#watchdogMs === undefined ? statusEveryMs : this.#watchdogMs / 2;
    this.#timer = setInterval(() => this.#tick(), Math.min(everyMs, longestTimerMs));
    this.#timer.unref();
  }

  #tick(): void {
    const status = this.#describe();
    const message: Message = new Map();
    if (this.#watchdogMs !== undefined) message.set('WATCHDOG', '1');
    if (status !== this.#lastStatus) message.set('STATUS', status);
    this.#lastStatus = status;
    if (message.size === 0) return;
    const last = this.#waiting.at(-1);
    if (last === undefined) this.#send(message);
    else for (const [name, value] of message) last.set(name, value);
  }

  #sendState(assignments: readonly (readonly [string, string])[], status: string): void {
    this.#lastStatus = status;
    this.#send(new Map([...assignments, ['STATUS', status]]));
  }

  /** One at a time, so that systemd hears them in order. */
  #send(message: Message): void {
    if (this.#socket === undefined || this.#isMissing) return;
    this.#waiting.push(message);
    if (this.#waiting.length > mostWaiting) this.#waiting.shift();
    this.#sendNext();
  }

  #sendNext(): void {
    if (this.#isSending) return;
    const message = this.#waiting.shift();
    if (message === undefined) return;
    this.#isSending = true;
    const words = Array.from(message, ([name, value]) => `${name}=${value}`);
    try {
      // Loaded where it is needed: most processes never tell anybody anything.
      const { execFile } = process.getBuiltinModule('node:child_process');
      const env = { PATH: this.#path, NOTIFY_SOCKET: this.#socket };
      execFile('systemd-notify', words, { env, timeout: sendTimeoutMs }, (error, _, complaint) =>
        this.#onSent(error, complaint),
      );
    } catch (error) {
      this.#onSent(error, '');
    }
  }

  #onSent(error: unknown, complaint: string): void {
    this.#isSending = false;
    if (error !== null) this.#fail(error, complaint);
    this.#sendNext();
  }

  #fail(error: unknown, complaint: string): void {
    this.#isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (this.#isMissing) this.close();
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    const said = complaint.trim();
    if (this.#isMissing)
      this.#onFailure('there is no systemd-notify (PATH); install it, or use Type=exec without WatchdogSec=');
    else this.#onFailure(said === '' && error instanceof Error ? error.message : said);
  }
}

function milliseconds(microseconds: string | undefined): number | undefined {
  if (microseconds === undefined || !/^[1-9][0-9]{0,15}$/.test(microseconds)) return undefined;
  return Number(microseconds) / 1000;
}
