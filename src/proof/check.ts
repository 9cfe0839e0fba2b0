/** One thing that is done on a host of the lab, by an unmodified client or by podman. */
export interface Check {
  /** `npm: is-odd@3.0.1`, `image hello`. */
  readonly what: string
  /** `file:line:column` of the definition that asks for it. */
  readonly line: string
  /** `workbench` has the clients; `target` is a Debian server with nothing more. */
  readonly on: 'workbench' | 'target'
  /** Shell lines, run in a folder of the check's own. */
  readonly run: string
  /** Put into that folder first: text by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Programs of this machine that it runs, by their paths: on the PATH of the check. */
  readonly programs?: readonly string[]
  /** What is wrong with this end; undefined when it is right. Without it, an exit status other than 0 is wrong. */
  readonly judge?: (code: number, said: string) => string | undefined
}

/** Something that no client here can try, or need not. */
export interface Untried {
  readonly what: string
  readonly line: string
  readonly why: string
}

/** A word for a shell, whatever is in it. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
