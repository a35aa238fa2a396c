async fn send_email(to: String, subject: String, body: String) -> Result<(), Refusal> {
    ::approval_runtime::__private::route!(
        "send_email", [("to", "String"), ("subject", "String"), ("body", "String")]
    )
        .with((to, subject, body))
        .capture(|call, (to, subject, body)| {
            <String as ::approval_runtime::Reviewable>::show(&body, call, "body");
            <String as ::approval_runtime::Reviewable>::show(&subject, call, "subject");
            <String as ::approval_runtime::Reviewable>::show(&to, call, "to");
        })
        .decode(|decoder| ::core::result::Result::Ok((
            <String as ::approval_runtime::Reviewable>::take(decoder, "to")?,
            <String as ::approval_runtime::Reviewable>::take(decoder, "subject")?,
            <String as ::approval_runtime::Reviewable>::take(decoder, "body")?,
        )))
        .run(
            <Result<(), Refusal> as ::approval_runtime::ToolReturn>::refused,
            <Result<(), Refusal> as ::approval_runtime::ToolReturn>::is_failure,
            move |(to, subject, body), returns| async move {
                if let ::core::option::Option::Some(output) = returns.none() {
                    return output;
                }
                mailer().send(to, subject, body).await
            },
        )
        .await
}
