import { expect, test } from 'vitest'
import { sumAll } from './sum'

test('sums', () => expect(sumAll(1, 2, 3)).toBe(6))
