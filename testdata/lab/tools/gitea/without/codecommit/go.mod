module github.com/aws/aws-sdk-go-v2/service/codecommit

go 1.26.2

require github.com/aws/aws-sdk-go-v2 v1.41.5
