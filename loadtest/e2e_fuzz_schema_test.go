package loadtest_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// apiDescription is as much of an OpenAPI 3.1 document as the API's own uses. What it has beyond that does not decode, so that the
// checks below cannot fall behind it unseen.
type apiDescription struct {
	Paths      map[string]map[string]*apiOperation `json:"paths"`
	Components struct {
		Schemas map[string]*apiSchema `json:"schemas"`
	} `json:"components"`
}

type apiOperation struct {
	ID          string                 `json:"operationId"`
	Role        string                 `json:"x-role"`
	Parameters  []apiParameter         `json:"parameters"`
	RequestBody *apiContent            `json:"requestBody"`
	Responses   map[string]*apiContent `json:"responses"`
}

type apiParameter struct {
	Name     string     `json:"name"`
	In       string     `json:"in"`
	Required bool       `json:"required"`
	Schema   *apiSchema `json:"schema"`
}

type apiContent struct {
	Content map[string]struct {
		Schema *apiSchema `json:"schema"`
	} `json:"content"`
}

type apiSchema struct {
	Ref             string                `json:"$ref"`
	Type            apiTypes              `json:"type"`
	Properties      map[string]*apiSchema `json:"properties"`
	Additional      any                   `json:"additionalProperties"`
	Required        []string              `json:"required"`
	Items           *apiSchema            `json:"items"`
	Enum            []any                 `json:"enum"`
	Pattern         string                `json:"pattern"`
	Format          string                `json:"format"`
	ContentEncoding string                `json:"contentEncoding"`
	MediaType       string                `json:"contentMediaType"`
	MinLength       *int                  `json:"minLength"`
	MaxLength       *int                  `json:"maxLength"`
	MaxItems        *int                  `json:"maxItems"`
	Minimum         *float64              `json:"minimum"`
	Maximum         *float64              `json:"maximum"`

	Default            any    `json:"default"` // the rest says nothing about what is valid
	Description        string `json:"description"`
	Examples           []any  `json:"examples"`
	PatternDescription string `json:"patternDescription"`
}

// UnmarshalJSON refuses keywords that the checks do not know.
func (s *apiSchema) UnmarshalJSON(text []byte) error {
	type plain apiSchema
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(s))
}

// apiTypes is one type, or several.
type apiTypes []string

func (t *apiTypes) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = apiTypes{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

var errNotAsDescribed = errors.New("not as described")

// of follows references.
func (d *apiDescription) of(s *apiSchema) *apiSchema {
	for s != nil && s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// typeOf gives the type of a decoded value.
func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	}
	return "object"
}

// check holds a value to a schema; where says which value it is.
func (d *apiDescription) check(where string, v any, s *apiSchema) error {
	if s == nil { // anything
		return nil
	}
	if s = d.of(s); s == nil {
		return fmt.Errorf("%w: %s: its schema is not there", errNotAsDescribed, where)
	}
	kind := typeOf(v)
	if len(s.Type) > 0 && !slices.Contains(s.Type, kind) && (kind != "integer" || !slices.Contains(s.Type, "number")) {
		if kind == "null" && len(s.Properties) > 0 { // huma cannot say that a reference is nullable; the views say it in words
			return nil
		}
		return fmt.Errorf("%w: %s is %s, want %v", errNotAsDescribed, where, kind, s.Type)
	}
	if len(s.Enum) > 0 && !slices.Contains(s.Enum, v) {
		return fmt.Errorf("%w: %s is %v, want one of %v", errNotAsDescribed, where, v, s.Enum)
	}
	switch v := v.(type) {
	case string:
		return checkString(where, v, s)
	case float64:
		if s.Minimum != nil && v < *s.Minimum || s.Maximum != nil && v > *s.Maximum {
			return fmt.Errorf("%w: %s is %v", errNotAsDescribed, where, v)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			return fmt.Errorf("%w: %s has %d items", errNotAsDescribed, where, len(v))
		}
		for i, item := range v {
			if err := d.check(fmt.Sprintf("%s[%d]", where, i), item, s.Items); err != nil {
				return err
			}
		}
	case map[string]any:
		return d.checkObject(where, v, s)
	}
	return nil
}

func (d *apiDescription) checkObject(where string, v map[string]any, s *apiSchema) error {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return fmt.Errorf("%w: %s lacks %s", errNotAsDescribed, where, name)
		}
	}
	for name, value := range v {
		property := s.Properties[name]
		if property == nil && s.Additional == false {
			return fmt.Errorf("%w: %s has %q", errNotAsDescribed, where, name)
		}
		if property != nil {
			if err := d.check(where+"."+name, value, property); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkString(where, v string, s *apiSchema) error {
	n := utf8.RuneCountInString(v)
	if s.MinLength != nil && n < *s.MinLength || s.MaxLength != nil && n > *s.MaxLength {
		return fmt.Errorf("%w: %s has %d characters", errNotAsDescribed, where, n)
	}
	if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(v) {
		return fmt.Errorf("%w: %s is %q, want %s", errNotAsDescribed, where, v, s.Pattern)
	}
	if s.Format == "date-time" {
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			return fmt.Errorf("%w: %s: %w", errNotAsDescribed, where, err)
		}
	}
	if s.ContentEncoding == "base64" {
		if _, err := base64.StdEncoding.DecodeString(v); err != nil {
			return fmt.Errorf("%w: %s: %w", errNotAsDescribed, where, err)
		}
	}
	return nil
}
