package admin

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// pageInput asks for one page of a list.
type pageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"Most items to give"`
	Cursor string `query:"cursor" maxLength:"256" doc:"The next of the page before; the first page when absent"`
}

// list is one page: items, and the cursor of the next page or null at the end.
type list[T any] struct {
	Items []T     `json:"items" nullable:"false" doc:"The items of this page"`
	Next  *string `json:"next" doc:"Cursor of the next page; null at the end"`
}

// listOutput is the answer that holds a page.
type listOutput[T any] struct{ Body list[T] }

// after gives the key after which the page starts.
func (in pageInput) after() (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return "", in.foreign()
	}
	return string(key), nil
}

// foreign refuses a cursor that no answer held.
func (in pageInput) foreign() error {
	return huma.Error422UnprocessableEntity("validation failed", &huma.ErrorDetail{
		Location: "query.cursor", Message: "no cursor of this API", Value: in.Cursor,
	})
}

// number gives the number after which the page of a numbered list starts.
func (in pageInput) number() (uint64, error) {
	key, err := in.after()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(key, 10, 64)
	if err != nil {
		return 0, in.foreign()
	}
	return n, nil
}

// numbered is the key of newList in a numbered list; 0: there is no next page.
func numbered(next uint64) string {
	if next == 0 {
		return ""
	}
	return strconv.FormatUint(next, 10)
}

// newList makes the answer; next is the key to go on after, "" at the end.
func newList[T any](items []T, next string) *listOutput[T] {
	if items == nil {
		items = []T{} // [] and not null
	}
	out := &listOutput[T]{Body: list[T]{Items: items}}
	if next != "" {
		cursor := base64.RawURLEncoding.EncodeToString([]byte(next))
		out.Body.Next = &cursor
	}
	return out
}

// pageOf cuts one page out of all items, in the order of their keys. A cursor stays good when items come and go.
func pageOf[T any](all []T, key func(T) string, in pageInput) (*listOutput[T], error) {
	after, err := in.after()
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	start := 0
	if after != "" {
		start, _ = slices.BinarySearchFunc(all, after, func(item T, k string) int {
			if key(item) <= k {
				return -1
			}
			return 1
		})
	}
	page := all[start:]
	if len(page) <= in.Limit {
		return newList(page, ""), nil
	}
	page = page[:in.Limit]
	return newList(page, key(page[len(page)-1])), nil
}
