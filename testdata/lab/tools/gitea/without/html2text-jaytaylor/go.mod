module github.com/jaytaylor/html2text

go 1.26.2
