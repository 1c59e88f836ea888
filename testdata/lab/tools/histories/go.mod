module lab/histories

go 1.25.0

tool github.com/go-git/go-git-fixtures/v4

require (
	github.com/go-git/go-billy/v5 v5.2.0 // indirect
	github.com/go-git/go-git-fixtures/v4 v4.2.1 // indirect
	github.com/kr/pretty v0.2.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	golang.org/x/sys v0.0.0-20200302150141-5c8b2ff67527 // indirect
	gopkg.in/check.v1 v1.0.0-20201130134442-10cb98267c6c // indirect
)
