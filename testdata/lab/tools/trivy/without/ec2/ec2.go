// Package ec2 stands in for the AWS client with which Trivy scans machine images.
package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
)

type Client struct{}

type Options struct{}

type DescribeImagesInput struct{ ImageIds []string }

type DescribeImagesOutput struct{ Images []Image }

type Image struct{ BlockDeviceMappings []BlockDeviceMapping }

type BlockDeviceMapping struct{ Ebs *EbsBlockDevice }

type EbsBlockDevice struct{ SnapshotId *string }

func NewFromConfig(aws.Config, ...func(*Options)) *Client { return &Client{} }

func (*Client) DescribeImages(context.Context, *DescribeImagesInput, ...func(*Options)) (*DescribeImagesOutput, error) {
	return nil, errors.New("scans of AWS machine images are left out of the lab's Trivy")
}
