package types

import "time"

type RepositoryMetadata struct {
	AccountId, RepositoryName, RepositoryDescription, CloneUrlHttp, DefaultBranch *string
}

type CommentsForPullRequest struct{ Comments []Comment }

type Comment struct {
	AuthorArn, Content             *string
	CreationDate, LastModifiedDate *time.Time
}

type PullRequest struct {
	PullRequestId, Title, Description, AuthorArn *string
	CreationDate, LastActivityDate               *time.Time
	PullRequestTargets                           []PullRequestTarget
	PullRequestStatus                            PullRequestStatusEnum
}

type PullRequestTarget struct {
	SourceReference, SourceCommit, DestinationReference, DestinationCommit *string
	MergeMetadata                                                          *MergeMetadata
}

type MergeMetadata struct {
	IsMerged      bool
	MergeCommitId *string
}

type PullRequestStatusEnum string

const PullRequestStatusEnumClosed PullRequestStatusEnum = "CLOSED"
