use super::*;

fn shown(html: &str) -> (Vec<String>, Vec<Line>, Counts) {
    let mut lines = Vec::new();
    let structure = crate::mime::structure::Structure::default();
    let counts = render(html, 60, &mut Links::default(), &mut Pictures::none(&structure), &mut lines);
    while lines.last().is_some_and(|line| line.spans.is_empty()) {
        lines.pop();
    }
    let texts = lines.iter().map(|line| "> ".repeat(usize::from(line.quote)) + &line.text());
    (texts.collect(), lines, counts)
}

#[test]
fn html_reads_as_text() {
    for (html, expect) in [
        ("<p>one</p><p>two<br>three</p>", vec!["one", "", "two", "three"]),
        ("<h1>Head</h1>text", vec!["Head", "", "text"]),
        ("<ul><li>a<li>b</ul><ol start=3><li>c</ol>", vec!["• a", "• b", "", "3. c"]),
        ("<p>a</p><blockquote>b<blockquote>c</blockquote></blockquote>d", vec!["a", "", "> b", "> ", "> > c", "", "d"]),
        ("<a href=https://a.example>there</a>.", vec!["there\u{a0}[1]."]),
        ("<a href=https://a.example><div>card</div></a>", vec!["card\u{a0}[1]"]),
        ("<a href='javascript:x'>bad</a>", vec!["bad"]),
        ("<a href=https://a.example><img src=x></a>", vec!["[image]\u{a0}[1]"]),
        ("<a href=https://a.example></a>x", vec!["x"]),
        ("<img src=https://x/y alt='A boat'>", vec!["[image: A boat]"]),
        ("<pre>a  b\n c</pre>", vec!["a  b", " c"]),
        ("a<div style='display:none'>secret</div>b", vec!["ab"]),
        ("<td style='font-size:0'>gone<div style='font-size:12px'>kept</div></td>", vec!["kept"]),
        ("<table role=presentation><tr><td><p>one</p></td></tr><tr><td>two</td></tr></table>", vec!["one", "", "two"]),
        ("<table><tr><td>Home</td><td>Shop</td></tr></table>", vec!["Home\u{a0}\u{a0} Shop"]),
        ("&#27;[31m&#x202e;x", vec!["␛[31m\u{fffd}x"]),
    ] {
        assert_eq!(shown(html).0, expect, "{html}");
    }
}

#[test]
fn data_tables_stay_tables() {
    let (texts, ..) = shown("<table><tr><th>Item<th>Price</tr><tr><td>Rope<td>€12</tr><tr><td>Sail<td>€340</tr></table>");
    assert_eq!(texts, ["────┬─────", "Item│Price", "────┼─────", "Rope│  €12", "Sail│ €340", "────┴─────"]);
}

#[test]
fn cells_stand_at_the_right_where_the_sender_says_so_and_in_columns_of_numbers() {
    let (texts, ..) = shown(
        "<blockquote><table><tr><th>Item<th>Count<th>Sum<th>Where</tr>\
         <tr><td>Rope, <a href=https://r.example>blue</a><td>2<td align=left>24.00<td style='text-align: right'>A</tr>\
         <tr align=right><td align=left>Sail<td><b>1</b>0<td>1,340.00<td><p align=right>shelf nine</p></tr></table></blockquote>",
    );
    let rows: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.contains('─')).collect();
    let expect = [
        "> Item              │Count│     Sum│Where",
        "> Rope, blue\u{a0}[1]    │    2│24.00   │         A",
        "> Sail              │   10│1,340.00│shelf nine",
    ];
    assert_eq!(rows, expect);
    // a mark of ours in foreign text is nothing
    assert_eq!(shown("<table><tr><td>a<td>\u{e0001}b</tr><tr><td>c<td>ddd</tr></table>").0[1], "a│b");
    // words of a cell of several lines, each at the right
    let long = "several words in a cell that does not fit on a line ".repeat(2);
    let (texts, ..) = shown(&format!("<table><tr><td>{long}<td>x</tr><tr><td>c<td align=right>{long}</tr></table>"));
    assert!(texts.iter().filter(|text| text.contains('│')).any(|text| text.ends_with("line") && text.contains("│  ")), "{texts:#?}");
}

#[test]
fn rows_without_a_head_or_of_several_lines_keep_what_parts_them() {
    let (texts, ..) = shown("<table><tr><td>a<td>b</tr><tr><td>c<td>d</tr></table><table><tr><td>e<td>f</tr><tr><td>g<td>h</tr></table>");
    assert_eq!(texts.iter().filter(|line| line.contains('┼')).count(), 0, "{texts:#?}");
    let long = "several words in a cell that does not fit ".repeat(2);
    let (texts, ..) = shown(&format!("<table><tr><td>a<td>{long}</tr><tr><td>c<td>d</tr><tr><td>e<td>f</tr></table>"));
    assert_eq!(texts.iter().filter(|line| line.contains('┼')).count(), 2, "{texts:#?}");
}

#[test]
fn a_link_that_claims_another_host_says_so_in_the_text() {
    let html = "<p>Go to <a href='https://evil.example/x'>www.bank.example</a> or <a href='https://bank.example'>www.bank.example</a>.</p>";
    let (text, lines, _) = shown(html);
    let text = text.join(" ").replace('\u{a0}', " ");
    assert_eq!(text, "Go to www.bank.example [1 ⚠ evil.example] or www.bank.example [2].");
    let warned: Vec<&str> =
        lines[0].spans.iter().filter(|span| span.meaning.warning && !span.meaning.link).map(|span| span.text.as_str()).collect();
    assert_eq!(warned, ["\u{a0}[1\u{a0}⚠\u{a0}evil.example]"]);
    assert!(shown("<a href='https://аpple.example/'>Go</a>").0[0].contains("⚠"));
}

#[test]
fn what_is_left_out_is_counted() {
    let html = "<img src='https://t.example/p.gif' width=1 height=1><img src=//x/y><img src=cid:1><div hidden>you<img src=http://z></div>";
    assert_eq!(shown(html).2, Counts { remote_images: 2, pixels: 1, hidden_texts: 1 });
}

#[test]
fn headings_and_links_have_their_meaning() {
    let lines = shown("<h2>Head</h2><p><b>bold</b> <a href='https://a.example'>go</a></p>").1;
    assert!(lines[0].spans[0].meaning.heading);
    let spans = &lines[2].spans;
    assert!(spans.iter().any(|span| span.text.as_str() == "bold" && span.meaning.strong));
    assert!(spans.iter().any(|span| span.text.as_str() == "go" && span.meaning.link));
    assert!(spans.iter().any(|span| span.text.as_str() == "\u{a0}[1]" && span.meaning.dim && !span.meaning.link));
}

#[test]
fn what_its_writer_struck_is_struck_and_no_heading() {
    let html = "<p>was <del>50 <s>40</s></del> now <strike>30</strike> 20</p><h1>Head <s>old</s></h1><s><h2>Gone</h2></s><p>plain</p>";
    let of = |text: &str, lines: &[Line]| {
        let spans = lines.iter().flat_map(|line| &line.spans);
        let found = spans.filter(|span| span.text.as_str().contains(text)).map(|span| (span.meaning.struck, span.meaning.heading));
        found.collect::<Vec<_>>()
    };
    let lines = shown(html).1;
    for (text, struck, heading) in [
        ("was", false, false),
        ("50", true, false),
        ("40", true, false),
        ("now", false, false),
        ("30", true, false),
        ("20", false, false),
        ("Head", false, true),
        ("old", true, true),
        ("Gone", true, true),
        ("plain", false, false),
    ] {
        assert_eq!(of(text, &lines), [(struck, heading)], "{text}");
    }
}

#[test]
fn bombs_are_bounded() {
    for html in [
        "<div>".repeat(200_000),
        "<table><tr><td>".repeat(20_000),
        "<blockquote>".repeat(10_000) + "x",
        "<ul><li>".repeat(10_000) + "x",
        "<a href=https://x.example/>".repeat(20_000),
        "<".repeat(50_000),
        "<a ".repeat(100_000),
        "&".repeat(50_000),
        format!("<style>{}</style>x", ".a{display:none}".repeat(100_000)),
        format!("<table>{}</table>", "<tr><td colspan=1000000000>x<td>y".repeat(500)),
        "<b><i>".repeat(20_000) + "x",
    ] {
        let started = std::time::Instant::now();
        shown(&html);
        let head: String = html.chars().take(20).collect();
        assert!(started.elapsed().as_secs() < 10, "{head}: {:?}", started.elapsed());
    }
}
