// The messages of proto/voice.proto in JavaScript: names are camelCase, `bytes` are Buffers, `uint64` are numbers.
// A field that a sender leaves out arrives as its default.

export interface SayRequest {
  readonly text: string;
  readonly delayMs: number;
  readonly replyAudioBytes: number;
  readonly audio: Buffer;
}

export interface SayReply {
  readonly text: string;
  readonly audio: Buffer;
  readonly receivedAudioBytes: number;
  readonly servedBy: string;
}

export interface NarrateRequest {
  readonly text: string;
  readonly intervalMs: number;
  readonly audioBytes: number;
  readonly repeat: number;
  readonly failure: Partial<FailRequest> | null;
}

export interface NarratedWord {
  readonly sequence: number;
  readonly word: string;
  readonly audio: Buffer;
}

export interface AudioChunk {
  readonly sequence: number;
  readonly audio: Buffer;
  readonly returnAudio: boolean;
}

export interface AudioEvent {
  readonly sequence: number;
  readonly sizeBytes: number;
  readonly audio: Buffer;
}

export interface Transcript {
  readonly chunks: number;
  readonly audioBytes: number;
  readonly durationMs: number;
}

export interface FailRequest {
  readonly code: number;
  readonly message: string;
  readonly details: Buffer;
  readonly afterHeaders: boolean;
}

export type FailReply = Readonly<Record<string, never>>;
