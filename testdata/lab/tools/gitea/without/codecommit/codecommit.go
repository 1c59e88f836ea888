// Package codecommit stands in for the AWS client with which Gitea migrates repositories.
package codecommit

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
)

var errLeftOut = errors.New("migrations from AWS CodeCommit are left out of the lab's Gitea")

type Options struct {
	Credentials aws.CredentialsProvider
	Region      string
}

type Client struct{}

func New(Options, ...func(*Options)) *Client { return &Client{} }

type GetRepositoryInput struct{ RepositoryName *string }

type GetRepositoryOutput struct{ RepositoryMetadata *types.RepositoryMetadata }

func (*Client) GetRepository(context.Context, *GetRepositoryInput, ...func(*Options)) (*GetRepositoryOutput, error) {
	return nil, errLeftOut
}

type GetCommentsForPullRequestInput struct{ NextToken, PullRequestId *string }

type GetCommentsForPullRequestOutput struct {
	CommentsForPullRequestData []types.CommentsForPullRequest
	NextToken                  *string
}

func (*Client) GetCommentsForPullRequest(context.Context, *GetCommentsForPullRequestInput, ...func(*Options)) (*GetCommentsForPullRequestOutput, error) {
	return nil, errLeftOut
}

type GetPullRequestInput struct{ PullRequestId *string }

type GetPullRequestOutput struct{ PullRequest *types.PullRequest }

func (*Client) GetPullRequest(context.Context, *GetPullRequestInput, ...func(*Options)) (*GetPullRequestOutput, error) {
	return nil, errLeftOut
}

type ListPullRequestsInput struct{ RepositoryName, NextToken *string }

type ListPullRequestsOutput struct {
	PullRequestIds []string
	NextToken      *string
}

func (*Client) ListPullRequests(context.Context, *ListPullRequestsInput, ...func(*Options)) (*ListPullRequestsOutput, error) {
	return nil, errLeftOut
}
