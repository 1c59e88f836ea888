import { sum } from 'sums'

export const sumAll = (...all) => all.reduce(sum)
