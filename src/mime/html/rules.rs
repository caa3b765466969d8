//! The rules of laid-out tables. html2text draws one below every row; where each row is one line, only the one below the head says
//! anything.

use crate::mail::page::Line;

/// Takes the rules between rows of one line out of the tables that begin behind `from`.
pub fn thin(lines: &mut Vec<Line>, from: usize) {
    let mut gone = vec![false; lines.len()];
    let mut inner: Vec<usize> = Vec::new();
    let mut is_thin = false;
    let mut last = 0;
    for (at, line) in lines.iter().enumerate().skip(from) {
        let Some(kind) = rule(line) else { continue };
        match kind {
            Kind::Top => {
                inner.clear();
                is_thin = true;
            }
            Kind::Inner => {
                is_thin &= at == last + 2;
                inner.push(at);
            }
            Kind::Bottom => {
                let has_head = inner.first().and_then(|first| lines.get(first.wrapping_sub(1))).is_some_and(is_head);
                if is_thin && at == last + 2 {
                    for at in inner.iter().skip(usize::from(has_head)) {
                        if let Some(gone) = gone.get_mut(*at) {
                            *gone = true;
                        }
                    }
                }
                is_thin = false;
            }
        }
        last = at;
    }
    let mut gone = gone.into_iter();
    lines.retain(|_| !gone.next().unwrap_or(false));
}

enum Kind {
    Top,
    Inner,
    Bottom,
}

/// A line of nothing but a rule with its crossings.
fn rule(line: &Line) -> Option<Kind> {
    let mut chars = line.spans.iter().flat_map(|span| span.text.as_str().chars());
    if line.spans.is_empty() || !chars.all(|c| "─┬┼┴".contains(c)) {
        return None;
    }
    let has = |mark: char| line.spans.iter().any(|span| span.text.as_str().contains(mark));
    // where the cells of two rows do not stand below each other, a rule has marks of all kinds
    match (has('┬'), has('┼'), has('┴')) {
        (true, false, false) => Some(Kind::Top),
        (false, false, true) => Some(Kind::Bottom),
        (false, false, false) => None,
        _ => Some(Kind::Inner),
    }
}

/// All words are set off, as those of header cells are.
fn is_head(line: &Line) -> bool {
    let is_word = |text: &str| text.chars().any(|c| c != '│' && !c.is_whitespace());
    line.spans.iter().filter(|span| is_word(span.text.as_str())).all(|span| span.meaning.strong)
}
