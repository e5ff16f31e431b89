package script

// NextLineComment returns where the first -- comment begins at or behind src[i],
// which must not be inside of anything; -1 if there is none, or if something
// before it has no end.
func NextLineComment(src string, i int) int {
	for i < len(src) {
		switch c := src[i]; {
		case c == '\'' || c == '"' || c == '`' || c == '[':
			if i = quotedEnd(src, i); i < 0 {
				return -1
			}
		case c == '-' && i+1 < len(src) && src[i+1] == '-':
			return i
		case c == '/' && i+1 < len(src) && src[i+1] == '*':
			if i = blockCommentEnd(src, i); i < 0 {
				return -1
			}
		default:
			i++
		}
	}
	return -1
}
