/** Placeholder until the next step. */
export async function applyDelta(_part: string, _delta: unknown, _sources: readonly string[], _target: string): Promise<void> {
  throw new Error('deltas come in the next step')
}
