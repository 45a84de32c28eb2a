// Gives each listener, the admin server and the demo service a port: the one they want, or the next one that is free.

/** Something that wants a port. */
export interface Wish {
  /** What it is, for people: `the listener "public"`. */
  readonly what: string;
  readonly host: string;
  readonly port: number;
  /** Whether a person asked for this very port, so that no other will do. */
  readonly isDemanded?: boolean;
}

export interface ChosenPort {
  readonly port: number;
  /** Why it is another port than the one that was wanted, as a clause. Undefined means it is that one. */
  readonly reason: string | undefined;
}

/** How many ports behind a taken one are tried. */
const MOST_TRIES = 200;

/**
 * Throws if a port that was demanded is taken, or no free one is found.
 * @param avoided ports that must not be chosen instead of others, such as those of services that the configuration names
 * @param obstacleTo says what is in the way of a port
 * @returns a port for each wish, in their order
 */
export async function choosePorts(
  wishes: readonly Wish[],
  avoided: ReadonlySet<number>,
  obstacleTo: (host: string, port: number) => Promise<string | undefined>,
): Promise<readonly ChosenPort[]> {
  const demanded = new Map(wishes.filter(isDemanded).map(({ port, what }) => [port, what]));
  const given = new Set<number>();
  const obstacleOf = async (wish: Wish, port: number): Promise<string | undefined> => {
    const holder = demanded.get(port);
    if (holder !== undefined && holder !== wish.what) return `${holder} has ${port}`;
    return given.has(port) ? `${port} is given already` : obstacleTo(wish.host, port);
  };
  // All that is wanted is avoided as well, because whoever wants it may come later in the list.
  const unwelcome = new Set([...avoided, ...wishes.map(({ port }) => port)]);
  const chosen: ChosenPort[] = [];
  for (const wish of wishes) {
    const reason = await obstacleOf(wish, wish.port);
    if (reason !== undefined && isDemanded(wish)) {
      throw new Error(
        `${wish.what} cannot have port ${wish.port}, because ${reason}; choose another, or leave --port out and a free one is found`,
      );
    }
    const port = reason === undefined ? wish.port : await nextFree(wish, unwelcome, obstacleOf);
    given.add(port);
    chosen.push({ port, reason });
  }
  return chosen;
}

function isDemanded(wish: Wish): boolean {
  return wish.isDemanded === true;
}

async function nextFree(
  wish: Wish,
  unwelcome: ReadonlySet<number>,
  obstacleOf: (wish: Wish, port: number) => Promise<string | undefined>,
): Promise<number> {
  // Below 1024 only root may listen, so the search goes on at the port that stands for them by custom: 443 is 8443.
  const first = wish.port < 1024 ? wish.port + 8000 : wish.port + 1;
  const last = Math.min(first + MOST_TRIES - 1, 65_535);
  for (let port = first; port <= last; port++) {
    if (!unwelcome.has(port) && (await obstacleOf(wish, port)) === undefined) return port;
  }
  throw new Error(
    `${wish.what} finds no free port: ${wish.port} is taken, and all from ${first} to ${last}; stop what holds them (ss -ltnp shows it)`,
  );
}
