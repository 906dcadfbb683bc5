import type { Readable, Writable } from 'node:stream'

/**
 * What is behind an SSH door: places that a person may enter. The door speaks the protocol (RFC 4251–4254, SFTP version 3) and
 * verifies signatures; who may enter where is decided by `enter`.
 */
export interface SshHost {
  /**
   * Who comes with this name and this public key (its OpenSSH blob)? Undefined when nobody: the door then does not tell whether
   * the name or the key was wrong. Called before the signature is checked, so it must not act.
   */
  recognise(visitor: SshVisitor): Promise<SshGuest | undefined>
}

export interface SshVisitor {
  readonly name: string
  readonly key: Buffer
  readonly remoteAddress: string
}

/** One connection of somebody who has shown that the key is his. */
export interface SshGuest {
  /** Called once per connection, after the signature was found right. */
  entered(): void
  /** Called once, when the connection ends. */
  left(): void
  /** A command, or a login shell without one. Throws with a reason for the person. */
  run(wish: SshRun): Promise<SshProcess>
  readonly files: SshFiles
}

export interface SshRun {
  readonly command?: string
  readonly terminal?: { readonly name: string; readonly rows: number; readonly columns: number }
  readonly env: Readonly<Record<string, string>>
}

export interface SshProcess {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  resize(size: { readonly rows: number; readonly columns: number }): Promise<void>
  /** Ends it and what it started. May be repeated. */
  close(): void
  /** Its exit code, after its outputs ended. Never rejects. */
  readonly exited: Promise<number>
}

/** Files as SFTP needs them. Paths are absolute. What is not there is undefined; what cannot be done throws with a reason. */
export interface SshFiles {
  find(path: string): Promise<SshFile | undefined>
  list(path: string): Promise<readonly SshFile[]>
  read(path: string): Promise<Readable>
  write(path: string, content: Readable, facts: { size: number; mode: number }): Promise<void>
  makeFolder(path: string, mode: number): Promise<void>
  remove(path: string): Promise<void>
}

export interface SshFile {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  /** Seconds since the epoch. */
  readonly modified: number
}
