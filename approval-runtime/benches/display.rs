//! What a text costs that a reviewer is shown: `cargo xtask bench display`.
//!
//! Each text is one argument. Its flags are looked for in the canonical text, as a call's are; its display form is made of the
//! JSON value that is read from there, as a card's is. A KiB of each is held against a KiB of plain ASCII, in turn, in one
//! process.

#[allow(dead_code, reason = "the gate's program prints more")]
#[path = "gate/figures.rs"]
mod figures;

use std::hint::black_box;
use std::time::Instant;

use approval_runtime::Arguments;
use approval_runtime::arguments::{CaptureSettings, RedactionKey, SecretNames, display};
use figures::{Row, Runs};
use serde_json::json;

const RUNS: usize = 11;
const CALLS: u32 = 10_000;
const KIB: usize = 1024;

/// Letters as people write them: sentences, names, numbers, an address.
const TEXTS: &[(&str, &str)] = &[
    (
        "ASCII",
        "Dear Ms Smith, the report for March is attached, as agreed on Monday. Please check the 3 numbers on page 12, and tell \
         Peter or me (bob@example.com) by Friday, 5 pm, whether the total of 1,250 EUR is right. Thank you, and best wishes. ",
    ),
    (
        "ASCII in lines",
        "Dear Ms Smith,\n\nthe report for March is attached, as agreed on Monday.\nPlease check the 3 numbers on page 12, and \
         tell\nPeter or me (bob@example.com) by Friday, 5 pm,\nwhether the total of 1,250 EUR is right.\n\nBest wishes\n",
    ),
    (
        "German",
        "Sehr geehrte Frau Groß, anbei die Übersicht für März, wie am Montag besprochen. Bitte prüfen Sie die 3 Beträge auf \
         Seite 12 und geben Sie Jörg oder mir (bob@example.de) bis Freitag, 17 Uhr, Bescheid, ob die 1.250 € stimmen. Schöne Grüße! ",
    ),
    (
        "Russian",
        "Уважаемая Анна, отчёт за март во вложении, как договорились в понедельник. Проверьте, пожалуйста, 3 числа на \
         странице 12 и сообщите Петру или мне (bob@example.ru) до пятницы, верна ли сумма 1250 евро. Спасибо, всего доброго! ",
    ),
    (
        "Japanese",
        "佐藤様、お世話になっております。月曜日にご相談したとおり、３月の報告書を添付します。12ページの3つの数字をご確認のうえ、\
         合計1,250ユーロで正しいかどうか、金曜日の17時までに田中または私（bob@example.jp）へお知らせください。よろしくお願いします。",
    ),
    (
        "Hindi",
        "नमस्ते, सोमवार को तय हुआ था, इसलिए मार्च की रिपोर्ट साथ में है। कृपया पृष्ठ 12 की 3 संख्याएँ जाँच लें और शुक्रवार तक मुझे \
         (bob@example.in) बताएँ कि 1,250 यूरो का जोड़ सही है या नहीं। धन्यवाद। ",
    ),
];

struct Sample {
    name: &'static str,
    len: usize,
    arguments: Arguments,
    flags: Runs,
    form: Runs,
    both: Runs,
}

impl Sample {
    fn new((name, phrase): &(&'static str, &str)) -> Self {
        let mut text = phrase.repeat(KIB / phrase.len() + 1);
        text.truncate(text.floor_char_boundary(KIB));
        let settings = CaptureSettings { secret_names: &SecretNames::default(), redact: &[], key: &RedactionKey::new([0; 32]) };
        let json = json!({"body": text}).to_string();
        let captured = Arguments::from_json(json.as_bytes(), settings).expect("it is a small object");
        assert!(captured.arguments.flags().is_empty(), "{name}: {}", captured.arguments.flags());
        Self { name, len: text.len(), arguments: captured.arguments, flags: Runs::new(), form: Runs::new(), both: Runs::new() }
    }

    fn run(&mut self) {
        let kib = KIB as f64 / self.len as f64;
        let flags = nanoseconds(|| black_box(&self.arguments).flags()) * kib;
        let form = nanoseconds(|| display::value(&black_box(&self.arguments).to_value())) * kib;
        self.flags.push(flags);
        self.form.push(form);
        self.both.push(flags + form);
    }
}

fn nanoseconds<T>(work: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn main() {
    let mut samples: Vec<_> = TEXTS.iter().map(Sample::new).collect();
    samples.iter_mut().for_each(Sample::run);
    for sample in &mut samples {
        (sample.flags, sample.form, sample.both) = (Runs::new(), Runs::new(), Runs::new());
    }
    for _ in 0..RUNS {
        samples.iter_mut().for_each(Sample::run);
    }
    figures::print_head("approval-runtime");
    for Sample { name, flags, form, both, .. } in &samples {
        let row = Row {
            name: format!("a KiB of {name}: flags, display form"),
            own: both.show(0, " ns"),
            against: samples[0].both.show(0, " ns"),
            comparison: format!(
                "{}; flags {}, form {}",
                both.against(&samples[0].both, |own, ascii| own / ascii).show(2, "×"),
                flags.show(0, " ns"),
                form.show(0, " ns"),
            ),
        };
        row.print();
    }
}
