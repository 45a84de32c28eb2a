// Hands out the listening sockets that systemd opened before it started this process (sd_listen_fds(3)), each once, by name.
// Child processes must not claim them, so the environment variables are removed as soon as they have been read.

const firstDescriptor = 3;
/** The name that sd_listen_fds_with_names(3) gives a socket if none was passed. */
const unnamed = 'unknown';

type Environment = Record<string, string | undefined>;

interface InheritedSocket {
  readonly name: string;
  readonly fd: number;
}

export class InheritedSockets {
  readonly #sockets: readonly InheritedSocket[];
  /** Why there are no sockets. '' if there are some. */
  readonly #absence: string;
  readonly #claimed = new Set<number>();

  private constructor(sockets: readonly InheritedSocket[], absence: string) {
    this.#sockets = sockets;
    this.#absence = absence;
  }

  /** Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, and removes them. */
  static take(environment: Environment, pid: number): InheritedSockets {
    const { LISTEN_PID: forPid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = environment;
    for (const key of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[key];
    if (forPid === undefined || count === undefined) {
      return new InheritedSockets([], 'systemd has passed no sockets to this process');
    }
    if (forPid !== String(pid)) {
      const absence = `systemd has passed its sockets to process ${forPid}, and this is ${pid}: let ExecStart= run node itself, without a shell or npm in between`;
      return new InheritedSockets([], absence);
    }
    if (!/^[1-9][0-9]{0,3}$/.test(count)) {
      return new InheritedSockets([], `LISTEN_FDS='${count}' is not a number of sockets`);
    }
    return new InheritedSockets(describeSockets(Number(count), names), '');
  }

  /** The names of the sockets that no listener has claimed. A client that connects to one would wait in vain. */
  get unclaimed(): readonly string[] {
    return this.#sockets.filter(({ fd }) => !this.#claimed.has(fd)).map(({ name }) => name);
  }

  /**
   * Throws an error for the operator if no socket, or more than one, has this name, or if it has been claimed before.
   * @returns the descriptor of the socket, which the caller must close; systemd keeps the socket itself open
   */
  claim(name: string): number {
    const found = this.#sockets.filter((socket) => socket.name === name);
    if (found.length === 0) throw new Error(this.#describeAbsenceOf(name));
    if (found.length > 1) {
      throw new Error(
        `systemd has passed ${found.length} sockets named '${name}': give each a .socket unit of its own, with its own FileDescriptorName=`,
      );
    }
    const { fd } = found[0];
    if (this.#claimed.has(fd)) {
      throw new Error(
        'this process has closed the socket before: restart it to get the socket from systemd again',
      );
    }
    this.#claimed.add(fd);
    return fd;
  }

  #describeAbsenceOf(name: string): string {
    if (this.#sockets.length === 0) {
      return `${this.#absence}; start the .socket unit with FileDescriptorName=${name}, and name it in Sockets= of the service`;
    }
    const passed = this.#sockets.map((socket) => `'${socket.name}'`).join(', ');
    return `systemd has passed no socket of this name, but ${passed}; the name is FileDescriptorName= of the .socket unit`;
  }
}

function describeSockets(count: number, names: string | undefined): readonly InheritedSocket[] {
  const list = names === undefined || names === '' ? [] : names.split(':');
  // If the number of names differs from the number of sockets, it is unclear which name belongs to which socket.
  const areNamed = list.length === count;
  return Array.from({ length: count }, (_, index) => ({
    name: areNamed ? list[index] : unnamed,
    fd: firstDescriptor + index,
  }));
}

let ofThisProcess: InheritedSockets | undefined;

/** @returns the sockets of this process. The first call must precede the start of any child, which would inherit the variables. */
export function inheritedSockets(): InheritedSockets {
  ofThisProcess ??= InheritedSockets.take(process.env, process.pid);
  return ofThisProcess;
}
