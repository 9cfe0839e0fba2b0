/** Runs `work` for every input, at most `limit` at a time; results in the order of the inputs. The first error ends it. */
export async function inTurns<T, R>(inputs: readonly T[], limit: number, work: (input: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let failed = false
  const lane = async (): Promise<void> => {
    while (next < inputs.length && !failed) {
      const index = next++
      try {
        results[index] = await work(inputs[index] as T)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(limit, inputs.length) }, lane))
  const broken = lanes.find((outcome) => outcome.status === 'rejected')
  if (broken !== undefined) throw broken.reason
  return results
}
