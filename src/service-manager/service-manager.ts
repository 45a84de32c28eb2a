// Reports the state of this service to systemd (sd_notify(3)): ready, reloading, stopping, a status line, and that it is alive.
// Node has no Unix datagram sockets, so systemd-notify sends the messages (docs/decisions/0023). The class does not block or
// throw, and does nothing unless systemd asked for notifications (NOTIFY_SOCKET).

const sendTimeoutMs = 10_000;
/** How often the status is sent if no watchdog sets the interval. */
const statusEveryMs = 15_000;
/** setInterval treats a longer interval as 1 ms. */
const longestTimerMs = 2 ** 31 - 1;
/** The maximum number of waiting messages. More than that wait only if systemd-notify hangs, and then the newest matter. */
const mostWaiting = 8;

type Environment = Record<string, string | undefined>;
/** The assignments of one message, `READY=1` as ['READY', '1']. */
type Message = Map<string, string>;

export interface ServiceManagerOptions {
  /** Called at the first message that could not be sent, with the reason. */
  readonly onFailure: (reason: string) => void;
  readonly environment?: Environment;
  readonly pid?: number;
}

export class ServiceManager {
  /** Undefined if systemd wants no notifications. */
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

  /** Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, so that children do not speak for this process. */
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
   * Reports that the service takes calls, for the first time or again after a reload. `describe` gives the status line; it is
   * called at intervals and stays in use until it is replaced.
   */
  ready(describe: () => string = this.#describe): void {
    if (this.#isStopping) return;
    this.#describe = describe;
    this.#sendState([['READY', '1']], describe());
    this.#startTimer();
  }

  /** Reports a reload. ready() must follow, even if the old configuration stays in use. */
  reloading(): void {
    if (this.#isStopping) return;
    // Type=notify-reload requires MONOTONIC_USEC; hrtime uses CLOCK_MONOTONIC.
    const now = String(process.hrtime.bigint() / 1000n);
    this.#sendState(
      [
        ['RELOADING', '1'],
        ['MONOTONIC_USEC', now],
      ],
      'reloading',
    );
  }

  /** Reports that the service takes no more calls and stops. Watchdog messages continue, because running calls may take hours. */
  stopping(describe: () => string = this.#describe): void {
    this.#isStopping = true;
    this.#describe = describe;
    this.#sendState([['STOPPING', '1']], describe());
  }

  /** Stops the timer and drops waiting messages. May be called twice. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  /** The timer runs in the event loop: if the loop hangs, no message is sent and systemd restarts the service. */
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

  /** Sends messages one at a time, so that systemd gets them in order. */
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
      // Loaded only here, because most processes never send a message.
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
