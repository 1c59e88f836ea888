// Package sqlite stands in for the driver of RPM's and Trivy's Java databases: the lab's images are Debian's.
package sqlite
