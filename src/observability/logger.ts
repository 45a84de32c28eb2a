// The process's logger. The only importer of pino; everything else knows the narrow interface below.
// Must never print credentials or key material, and never throw into its caller.

import pino from 'pino';
import type { LogConfig } from '../config/config.ts';
import { harmlessJson } from './json-text.ts';
import type { LogDestination } from './log-destination.ts';
import { syslogPrefixOf } from './syslog-prefix.ts';

export type LogLevel = LogConfig['level'];
type LogSettings = Pick<LogConfig, 'level' | 'syslogPrefix'>;

/** What a line carries beside its message. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** May be set at any time; a logger and all its children share one level. */
  level: LogLevel;
  /** Both at once, for the logger, its parents and all their children. */
  use(settings: LogSettings): void;
  isLevelEnabled(level: LogLevel): boolean;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** The same logger with these fields on every line. */
  child(fields: LogFields): Logger;
}

const secretNames = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'password',
  'passphrase',
  'secret',
  'key',
  'privateKey',
  'pfx',
];

export function createLogger(config: LogSettings, destination: LogDestination): Logger {
  const lines = new PinoLines(destination, config.syslogPrefix);
  const redact = { paths: secretNames.flatMap(pathsOf), censor: '[redacted]' };
  const root = pino({ level: config.level, redact }, lines);
  const logger = new SharedLevelLogger({ root, destination, lines, level: config.level }, {});
  destination.reportDropsTo((records, errorCode) => {
    logger.warn(
      { records, errorCode },
      'log_records_dropped: the reader of the log did not keep up or the disk was full',
    );
  });
  return logger;
}

/** Redaction looks at the field itself and one and two levels below the line, e.g. `request.headers.authorization`. */
function pathsOf(name: string): string[] {
  return [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`];
}

/** Takes pino's lines, and their levels, which pino sets before it writes where this symbol stands. */
class PinoLines {
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  hasPrefix: boolean;
  readonly #destination: LogDestination;

  constructor(destination: LogDestination, hasPrefix: boolean) {
    this.#destination = destination;
    this.hasPrefix = hasPrefix;
  }

  write(line: string): void {
    const harmless = harmlessJson(line);
    this.#destination.write(this.hasPrefix ? `${syslogPrefixOf(this.lastLevel)}${harmless}` : harmless);
  }
}

/** What a logger and its children have in common. */
interface LoggerCore {
  readonly root: pino.Logger;
  readonly destination: LogDestination;
  readonly lines: PinoLines;
  level: LogLevel;
}

/** pino copies the level into a child when that is made; here a change at run time must reach every child. */
class SharedLevelLogger implements Logger {
  readonly #core: LoggerCore;
  readonly #fields: LogFields;

  constructor(core: LoggerCore, fields: LogFields) {
    this.#core = core;
    this.#fields = fields;
  }

  get level(): LogLevel {
    return this.#core.level;
  }

  set level(level: LogLevel) {
    this.#core.root.level = level;
    this.#core.level = level;
  }

  use({ level, syslogPrefix }: LogSettings): void {
    this.level = level;
    this.#core.lines.hasPrefix = syslogPrefix;
  }

  isLevelEnabled(level: LogLevel): boolean {
    return this.#core.root.isLevelEnabled(level);
  }

  debug(fields: LogFields, message: string): void {
    this.#log('debug', fields, message);
  }

  info(fields: LogFields, message: string): void {
    this.#log('info', fields, message);
  }

  warn(fields: LogFields, message: string): void {
    this.#log('warn', fields, message);
  }

  error(fields: LogFields, message: string): void {
    this.#log('error', fields, message);
    this.#core.destination.flush();
  }

  fatal(fields: LogFields, message: string): void {
    this.#log('fatal', fields, message);
    this.#core.destination.flush();
  }

  child(fields: LogFields): Logger {
    return new SharedLevelLogger(this.#core, { ...this.#fields, ...fields });
  }

  #log(level: Exclude<LogLevel, 'silent'>, fields: LogFields, message: string): void {
    if (this.isLevelEnabled(level)) this.#core.root[level]({ ...this.#fields, ...fields }, message);
  }
}
