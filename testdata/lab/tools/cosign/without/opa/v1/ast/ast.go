package ast

type RegoVersion int

const RegoV0 RegoVersion = 0
