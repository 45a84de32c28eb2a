// The process's logger. Only this file imports pino; all other code uses the narrow interface below.
// It must not print credentials or key material, and must not throw.

import pino from 'pino';
import type { LogConfig, LogLevel } from '../config/log-config.ts';
import { harmlessJson } from './json-text.ts';
import type { LogDestination } from './log-destination.ts';
import { syslogPrefixOf } from './syslog-prefix.ts';

export type LogSettings = Pick<LogConfig, 'level' | 'syslogPrefix'>;

/** The fields of a line besides its message. An error goes under `err`. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  /** The level may be set at any time; a logger and all its children share it. */
  level: LogLevel;
  /** Sets the level and the prefix for this logger, its parents and all their children. */
  use(settings: LogSettings): void;
  isLevelEnabled(level: LogLevel): boolean;
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  fatal(fields: LogFields, message: string): void;
  /** @returns a logger that adds these fields to every line */
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

/** @returns the paths to redact: the field at the top of the line, and one and two levels below (`request.headers.authorization`) */
function pathsOf(name: string): string[] {
  return [`["${name}"]`, `*["${name}"]`, `*.*["${name}"]`];
}

/** Receives pino's lines. The symbol makes pino set `lastLevel` before it writes a line. */
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

/** The state that a logger shares with its children. */
interface LoggerCore {
  readonly root: pino.Logger;
  readonly destination: LogDestination;
  readonly lines: PinoLines;
  level: LogLevel;
}

/** Shares its level with its children, so that a change at run time reaches all of them; pino copies the level into each child. */
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
