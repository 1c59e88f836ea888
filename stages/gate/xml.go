package gate

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// openXML reads up to the report's root element, which must be one of names.
func openXML(report []byte, names ...string) (*xml.Decoder, xml.StartElement, error) {
	dec := xml.NewDecoder(bytes.NewReader(report))
	root, err := nextElement(dec)
	if errors.Is(err, io.EOF) {
		return nil, root, errors.New("it is missing or empty")
	}
	if err != nil {
		return nil, root, err
	}
	for _, name := range names {
		if root.Name.Local == name {
			return dec, root, nil
		}
	}
	return nil, root, fmt.Errorf("its root is <%s>, expected <%s>", oneLine(root.Name.Local), names[0])
}

// closeXML makes sure that nothing follows the root element: two reports in one file are not one report.
func closeXML(dec *xml.Decoder) error {
	switch extra, err := nextElement(dec); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return fmt.Errorf("<%s> follows its end", oneLine(extra.Name.Local))
	}
}

// nextElement skips what may surround a root element; text there is refused.
func nextElement(dec *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := dec.Token()
		if err != nil {
			return xml.StartElement{}, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			return t, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return xml.StartElement{}, errors.New("there is text outside of its root element")
			}
		}
	}
}

// attr is the value of an attribute, "" if it is not there.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// count reads an attribute that counts something; found is false where the attribute is left out.
func count(e xml.StartElement, name string) (n int64, found bool, err error) {
	for _, a := range e.Attr {
		if a.Name.Local != name {
			continue
		}
		if found {
			return 0, true, fmt.Errorf("<%s> has two attributes %s", oneLine(e.Name.Local), name)
		}
		found = true
		if n, err = strconv.ParseInt(a.Value, 10, 64); err != nil || n < 0 {
			return 0, true, fmt.Errorf("<%s %s=%q> is not a count", oneLine(e.Name.Local), name, oneLine(a.Value))
		}
	}
	return n, found, nil
}
